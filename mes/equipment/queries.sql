-- states_for_change --
SELECT line, station, state, reason, since_at, heard_at
  FROM equipment_state WHERE line = ANY(%(lines)s) FOR NO KEY UPDATE

-- states --
SELECT line, station, state, reason, since_at, heard_at
  FROM equipment_state ORDER BY line, station

-- save_states --
INSERT INTO equipment_state (line, station, state, reason, since_at, heard_at)
SELECT line, station, state, reason, since_at, heard_at
  FROM unnest(%(lines)s::text[], %(stations)s::text[], %(states)s::text[], %(reasons)s::text[],
              %(sinces)s::timestamptz[], %(heards)s::timestamptz[])
       AS given (line, station, state, reason, since_at, heard_at)
ON CONFLICT (line, station) DO UPDATE
   SET state = excluded.state, reason = excluded.reason, since_at = excluded.since_at,
       heard_at = excluded.heard_at

-- add_intervals --
INSERT INTO equipment_interval (line, station, state, reason, started_at, ended_at)
SELECT line, station, state, reason, started_at, ended_at
  FROM unnest(%(lines)s::text[], %(stations)s::text[], %(states)s::text[], %(reasons)s::text[],
              %(starts)s::timestamptz[], %(ends)s::timestamptz[])
       AS given (line, station, state, reason, started_at, ended_at)

-- intervals --
-- Closed stretches that touch a time, of one line.
SELECT line, station, state, reason, started_at, ended_at
  FROM equipment_interval
 WHERE line = %(line)s AND started_at < %(to_at)s AND ended_at > %(from_at)s
 ORDER BY station, started_at

-- forget_intervals --
-- Every cycle of every station leaves two rows; what is older than anybody looks back is dropped.
DELETE FROM equipment_interval WHERE ended_at < %(before)s

-- begin_silence --
INSERT INTO equipment_silence (line, started_at) VALUES (%(line)s, %(at)s) ON CONFLICT DO NOTHING

-- end_silence --
UPDATE equipment_silence SET ended_at = greatest(%(at)s, started_at)
 WHERE line = %(line)s AND ended_at IS NULL

-- open_silences --
SELECT line, started_at, ended_at FROM equipment_silence WHERE ended_at IS NULL

-- silences --
SELECT line, started_at, ended_at
  FROM equipment_silence
 WHERE line = %(line)s AND started_at < %(to_at)s AND (ended_at IS NULL OR ended_at > %(from_at)s)
 ORDER BY started_at

-- open_stops --
SELECT line, started_at, station, reason, event_id FROM line_stop WHERE ended_at IS NULL

-- begin_stop --
INSERT INTO line_stop (line, started_at, station, reason, event_id)
VALUES (%(line)s, %(started_at)s, %(station)s, %(reason)s, %(event_id)s)
ON CONFLICT (line, started_at) DO UPDATE
   SET ended_at = NULL, event_id = excluded.event_id, reason = excluded.reason

-- end_stop --
UPDATE line_stop SET ended_at = greatest(%(ended_at)s, started_at)
 WHERE line = %(line)s AND ended_at IS NULL
