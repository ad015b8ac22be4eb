-- permit --
SELECT occasions, max_cars_moved, max_minutes, max_promises, max_locks, entered_by, entered_at, row_version
  FROM plan_permit WHERE site = %(site)s

-- save_permit --
INSERT INTO plan_permit (site, occasions, max_cars_moved, max_minutes, max_promises, max_locks, entered_by,
                         entered_at, row_version)
VALUES (%(site)s, %(occasions)s, %(max_cars_moved)s, %(max_minutes)s, %(max_promises)s, %(max_locks)s,
        %(entered_by)s, %(entered_at)s, %(row_version)s)
ON CONFLICT (site) DO UPDATE
   SET occasions = excluded.occasions, max_cars_moved = excluded.max_cars_moved,
       max_minutes = excluded.max_minutes, max_promises = excluded.max_promises, max_locks = excluded.max_locks,
       entered_by = excluded.entered_by, entered_at = excluded.entered_at,
       row_version = excluded.row_version

-- newest_proposal --
-- The one that waits, or the last that was settled.
SELECT id, site, state, cause, news_seq, base_id, difference, breaches, event_id, made_at, created_at,
       decided_at, decided_by, note, plan_id, row_version
  FROM plan_proposal WHERE site = %(site)s ORDER BY created_at DESC, id DESC LIMIT 1

-- proposals --
SELECT id, site, state, cause, news_seq, base_id, difference, breaches, event_id, made_at, created_at,
       decided_at, decided_by, note, plan_id, row_version
  FROM plan_proposal WHERE site = %(site)s ORDER BY created_at DESC, id DESC LIMIT %(limit)s

-- proposal_for_change --
SELECT id, site, state, cause, news_seq, base_id, difference, breaches, event_id, made_at, created_at,
       decided_at, decided_by, note, plan_id, row_version
  FROM plan_proposal WHERE id = %(id)s FOR UPDATE

-- save_proposal --
INSERT INTO plan_proposal (id, site, state, cause, news_seq, base_id, difference, breaches, event_id, made_at,
                           created_at, decided_at, decided_by, note, plan_id, row_version)
VALUES (%(id)s, %(site)s, %(state)s, %(cause)s, %(news_seq)s, %(base_id)s, %(difference)s::jsonb,
        %(breaches)s::jsonb, %(event_id)s, %(made_at)s, %(created_at)s, %(decided_at)s, %(decided_by)s,
        %(note)s, %(plan_id)s, %(row_version)s)
ON CONFLICT (id) DO UPDATE
   SET state = excluded.state, cause = excluded.cause, news_seq = excluded.news_seq,
       base_id = excluded.base_id, difference = excluded.difference, breaches = excluded.breaches,
       made_at = excluded.made_at, decided_at = excluded.decided_at, decided_by = excluded.decided_by,
       note = excluded.note, plan_id = excluded.plan_id, row_version = excluded.row_version
