-- active_head --
-- Which plant model is in force: asked often, the model itself is read only when the hash is new.
SELECT version, hash FROM plant_version WHERE active

-- active_model --
-- The document of the plant model in force.
SELECT model FROM plant_version WHERE active

-- lock_versions --
-- Two installations one after the other.
SELECT pg_advisory_xact_lock(hashtext('plant_version'))

-- deactivate --
-- The model in force gives way.
UPDATE plant_version SET active = false WHERE active

-- add_version --
-- A plant model comes into force under the next number.
INSERT INTO plant_version (version, site, hash, model, installed_at, installed_by, active)
SELECT coalesce(max(version), 0) + 1, %(site)s, %(hash)s, %(model)s::jsonb, %(installed_at)s,
       %(installed_by)s, true
  FROM plant_version
RETURNING version

-- retire_shops --
-- Shops stay for history; those of the new model become active again.
UPDATE plant_shop SET active = false WHERE active

-- retire_stores --
-- As for shops.
UPDATE plant_store SET active = false WHERE active

-- retire_lines --
-- As for shops.
UPDATE plant_line SET active = false WHERE active

-- retire_stations --
-- As for shops.
UPDATE plant_station SET active = false WHERE active

-- save_shop --
-- A shop as the active model has it.
INSERT INTO plant_shop (id, name_en, name_zh, kind, position, active)
VALUES (%(id)s, %(name_en)s, %(name_zh)s, %(kind)s, %(position)s, true)
ON CONFLICT (id) DO UPDATE
   SET name_en = EXCLUDED.name_en, name_zh = EXCLUDED.name_zh, kind = EXCLUDED.kind,
       position = EXCLUDED.position, active = true

-- save_store --
-- A store as the active model has it.
INSERT INTO plant_store (id, name_en, name_zh, kind, capacity, position, active)
VALUES (%(id)s, %(name_en)s, %(name_zh)s, %(kind)s, %(capacity)s, %(position)s, true)
ON CONFLICT (id) DO UPDATE
   SET name_en = EXCLUDED.name_en, name_zh = EXCLUDED.name_zh, kind = EXCLUDED.kind,
       capacity = EXCLUDED.capacity, position = EXCLUDED.position, active = true

-- save_line --
-- A line as the active model has it; body_position counts along the way of a body, presses have none.
INSERT INTO plant_line (id, shop, name_en, name_zh, calendar, takt_s, takes_from, gives_to,
                        body_position, position, active)
VALUES (%(id)s, %(shop)s, %(name_en)s, %(name_zh)s, %(calendar)s, %(takt_s)s, %(takes_from)s,
        %(gives_to)s, %(body_position)s, %(position)s, true)
ON CONFLICT (id) DO UPDATE
   SET shop = EXCLUDED.shop, name_en = EXCLUDED.name_en, name_zh = EXCLUDED.name_zh,
       calendar = EXCLUDED.calendar, takt_s = EXCLUDED.takt_s, takes_from = EXCLUDED.takes_from,
       gives_to = EXCLUDED.gives_to, body_position = EXCLUDED.body_position,
       position = EXCLUDED.position, active = true

-- save_station --
-- A station as the active model has it.
INSERT INTO plant_station (id, line, step, name_en, name_zh, cycle_s, reading_point, camera,
                           position, active)
VALUES (%(id)s, %(line)s, %(step)s, %(name_en)s, %(name_zh)s, %(cycle_s)s, %(reading_point)s,
        %(camera)s, %(position)s, true)
ON CONFLICT (id) DO UPDATE
   SET line = EXCLUDED.line, step = EXCLUDED.step, name_en = EXCLUDED.name_en,
       name_zh = EXCLUDED.name_zh, cycle_s = EXCLUDED.cycle_s,
       reading_point = EXCLUDED.reading_point, camera = EXCLUDED.camera,
       position = EXCLUDED.position, active = true

-- drop_shifts_from --
-- Shifts that have not begun follow the new plant model; past and running ones stay as they were.
DELETE FROM work_shift WHERE start_at > %(from_at)s

-- add_shift --
-- A shift of a calendar; one that stands already stays as it is.
INSERT INTO work_shift (calendar, start_at, end_at, code, name_en, name_zh, day, time_zone, breaks)
VALUES (%(calendar)s, %(start_at)s, %(end_at)s, %(code)s, %(name_en)s, %(name_zh)s, %(day)s,
        %(time_zone)s, %(breaks)s)
ON CONFLICT DO NOTHING

-- shifts --
-- The shifts of a calendar that touch a stretch of time.
SELECT calendar, start_at, end_at, code, name_en, name_zh, day, time_zone, breaks
  FROM work_shift
 WHERE calendar = %(calendar)s AND start_at < %(to_at)s AND end_at > %(from_at)s
 ORDER BY start_at, code
