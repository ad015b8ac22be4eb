-- mark_minutes --
-- These minutes have to be summed up (again). The row is locked, so that a running sum cannot forget it.
INSERT INTO telemetry_dirty (line, minute)
SELECT %(line)s, minute FROM unnest(%(minutes)s::timestamptz[]) AS given (minute) ORDER BY minute
ON CONFLICT (line, minute) DO UPDATE SET marks = telemetry_dirty.marks + 1

-- add_gap --
INSERT INTO telemetry_gap (id, line, tag_ids, from_at, to_at, cause, detail, repair)
VALUES (%(id)s, %(line)s, %(tag_ids)s, %(from_at)s, %(to_at)s, %(cause)s, %(detail)s, %(repair)s)

-- gaps --
-- Stretches of a line in which values may be missing.
SELECT line, tag_ids, from_at, to_at, cause, detail, repair FROM telemetry_gap
 WHERE line = %(line)s AND from_at < %(to_at)s AND to_at > %(from_at)s ORDER BY from_at

-- trend --
-- One value of a station by minute.
SELECT m.minute, m.values_n, m.bad_n, m.mean, m.low, m.high
  FROM telemetry_minute m JOIN telemetry_tag g ON g.id = m.tag_id
 WHERE g.station = %(station)s AND g.name = %(name)s
   AND m.minute >= %(from_at)s AND m.minute < %(to_at)s
 ORDER BY m.minute

-- knows_tag --
-- Whether a station has this value.
SELECT EXISTS (SELECT 1 FROM telemetry_tag WHERE station = %(station)s AND name = %(name)s)

-- last_values --
-- The newest number of every tag of a line since a moment.
SELECT DISTINCT ON (g.id) g.station, g.name, g.unit, t.time, t.value, t.status
  FROM telemetry_tag g JOIN telemetry t ON t.tag_id = g.id
 WHERE g.line = %(line)s AND t.time >= %(since_at)s
 ORDER BY g.id, t.time DESC
