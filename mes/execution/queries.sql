-- add_body --
-- A body exists from lock on; the same body again changes nothing.
INSERT INTO body (id, number, order_id, vin, model, color, predecessor_id, since_at)
VALUES (%(id)s, %(number)s, %(order_id)s, %(vin)s, %(model)s, %(color)s, %(predecessor_id)s,
        %(since_at)s)
ON CONFLICT (id) DO NOTHING

-- bodies_for_change --
-- Locked in order of id, so that two batches never wait for each other.
SELECT id, number, order_id, vin, model, color, predecessor_id, condition, line_hold, place, line,
       station, store, bay, lane, since_at
  FROM body WHERE id = ANY(%(ids)s) ORDER BY id FOR NO KEY UPDATE

-- bodies --
SELECT id, number, order_id, vin, model, color, predecessor_id, condition, line_hold, place, line,
       station, store, bay, lane, since_at
  FROM body WHERE id = ANY(%(ids)s)

-- body_by_number --
SELECT id, number, order_id, vin, model, color, predecessor_id, condition, line_hold, place, line,
       station, store, bay, lane, since_at
  FROM body WHERE number = %(number)s

-- bodies_by_vin --
-- A VIN belongs to the order: a scrapped body and its successor share it.
SELECT id, number, order_id, vin, model, color, predecessor_id, condition, line_hold, place, line,
       station, store, bay, lane, since_at
  FROM body WHERE vin = %(vin)s ORDER BY number

-- bodies_in_process --
-- Everything that stands on a line, in a bay or in a store, first in first.
SELECT id, number, order_id, vin, model, color, predecessor_id, condition, line_hold, place, line,
       station, store, bay, lane, since_at
  FROM body WHERE place IN ('line', 'bay', 'store')
 ORDER BY place, line, store, since_at, number

-- bodies_at --
-- What stands in a store or on one of these lines, first in first.
SELECT id, number, order_id, vin, model, color, predecessor_id, condition, line_hold, place, line,
       station, store, bay, lane, since_at
  FROM body
 WHERE (place = 'store' AND store = %(store)s) OR (place = 'line' AND line = ANY(%(lines)s))
 ORDER BY place, line, store, since_at, number

-- save_bodies --
UPDATE body
   SET condition = given.condition, line_hold = given.line_hold, place = given.place,
       line = given.line, station = given.station, store = given.store, bay = given.bay,
       lane = given.lane, since_at = given.since_at
  FROM unnest(%(ids)s::uuid[], %(conditions)s::text[], %(line_holds)s::boolean[], %(places)s::text[],
              %(lines)s::text[], %(stations)s::text[], %(stores)s::text[], %(bays)s::text[],
              %(lanes)s::integer[], %(sinces)s::timestamptz[])
       AS given (id, condition, line_hold, place, line, station, store, bay, lane, since_at)
 WHERE body.id = given.id

-- jobs_for_change --
SELECT id, kind, line, body_id, panel, quantity, state, state_at, good, scrap, reason, started_at,
       ended_at
  FROM line_job WHERE id = ANY(%(ids)s) ORDER BY id FOR NO KEY UPDATE

-- job --
SELECT id, kind, line, body_id, panel, quantity, state, state_at, good, scrap, reason, started_at,
       ended_at
  FROM line_job WHERE id = %(id)s

-- jobs_of_body --
-- The way of a body through the lines.
SELECT id, kind, line, body_id, panel, quantity, state, state_at, good, scrap, reason, started_at,
       ended_at
  FROM line_job WHERE body_id = %(body_id)s ORDER BY coalesce(started_at, state_at), id

-- jobs_between --
-- What really ran on the lines in a stretch of plant time: the filled bars of the board.
SELECT id, kind, line, body_id, panel, quantity, state, state_at, good, scrap, reason, started_at,
       ended_at
  FROM line_job
 WHERE started_at < %(to_at)s AND (ended_at IS NULL OR ended_at > %(from_at)s)
 ORDER BY line, started_at

-- add_job --
INSERT INTO line_job (id, kind, line, body_id, panel, quantity, state, state_at)
VALUES (%(id)s, %(kind)s, %(line)s, %(body_id)s, %(panel)s, %(quantity)s, 'Waiting', %(state_at)s)
ON CONFLICT (id) DO NOTHING

-- save_jobs --
INSERT INTO line_job (id, kind, line, body_id, panel, quantity, state, state_at, good, scrap, reason,
                      started_at, ended_at)
SELECT id, kind, line, body_id, panel, quantity, state, state_at, good, scrap, reason, started_at,
       ended_at
  FROM unnest(%(ids)s::uuid[], %(kinds)s::text[], %(lines)s::text[], %(body_ids)s::uuid[],
              %(panels)s::text[], %(quantities)s::integer[], %(states)s::text[],
              %(state_ats)s::timestamptz[], %(goods)s::integer[], %(scraps)s::integer[],
              %(reasons)s::text[], %(started_ats)s::timestamptz[], %(ended_ats)s::timestamptz[])
       AS given (id, kind, line, body_id, panel, quantity, state, state_at, good, scrap, reason,
                 started_at, ended_at)
ON CONFLICT (id) DO UPDATE
   SET state = excluded.state, state_at = excluded.state_at, good = excluded.good,
       scrap = excluded.scrap, reason = excluded.reason, started_at = excluded.started_at,
       ended_at = excluded.ended_at

-- claim_records --
-- Take the numbers of line records; those that took effect before are not returned.
INSERT INTO line_record (line, seq, kind, at)
SELECT line, seq, kind, at
  FROM unnest(%(lines)s::text[], %(seqs)s::bigint[], %(kinds)s::text[], %(ats)s::timestamptz[])
       AS given (line, seq, kind, at)
ON CONFLICT (line, seq) DO NOTHING
RETURNING line, seq

-- disclaim_records --
-- A refused record took no effect; it may come again once its cause is mended.
DELETE FROM line_record
 USING unnest(%(lines)s::text[], %(seqs)s::bigint[]) AS given (line, seq)
 WHERE line_record.line = given.line AND line_record.seq = given.seq

-- forget_old_records --
-- Lines repeat at most their ring; ten rings are kept.
DELETE FROM line_record
 USING (SELECT line, max(seq) AS newest FROM line_record GROUP BY line) AS head
 WHERE line_record.line = head.line AND line_record.seq < head.newest - %(keep)s

-- add_operations --
INSERT INTO operation (line, seq, body_id, job_order_id, station, step, state, started_at, ended_at,
                       process_values)
SELECT line, seq, body_id, job_order_id, station, step, state, started_at, ended_at,
       process_values::jsonb
  FROM unnest(%(lines)s::text[], %(seqs)s::bigint[], %(body_ids)s::uuid[],
              %(job_order_ids)s::uuid[], %(stations)s::text[], %(steps)s::text[], %(states)s::text[],
              %(started_ats)s::timestamptz[], %(ended_ats)s::timestamptz[],
              %(process_values)s::text[])
       AS given (line, seq, body_id, job_order_id, station, step, state, started_at, ended_at,
                 process_values)

-- operations_of_body --
-- What was done to a body, in order.
SELECT line, seq, body_id, job_order_id, station, step, state, started_at, ended_at, process_values
  FROM operation WHERE body_id = %(body_id)s ORDER BY ended_at, line, seq

-- add_mismatch --
-- One open question a reading point; the same reading reported again does not ask twice.
INSERT INTO reading_mismatch (id, line, station, expected_body_id, read_body_id, event_id, read_at)
VALUES (%(id)s, %(line)s, %(station)s, %(expected_body_id)s, %(read_body_id)s, %(event_id)s, %(read_at)s)
ON CONFLICT (line, station) WHERE done_at IS NULL DO NOTHING

-- open_mismatches --
SELECT id, line, station, expected_body_id, read_body_id, event_id, read_at, answer, answered_by,
       answered_at
  FROM reading_mismatch WHERE done_at IS NULL ORDER BY read_at

-- open_mismatch_for_change --
SELECT id, line, station, expected_body_id, read_body_id, event_id, read_at, answer, answered_by,
       answered_at
  FROM reading_mismatch
 WHERE line = %(line)s AND station = %(station)s AND done_at IS NULL FOR UPDATE

-- answer_mismatch --
UPDATE reading_mismatch
   SET answer = %(answer)s, answered_by = %(answered_by)s, answered_at = %(answered_at)s
 WHERE id = %(id)s

-- close_mismatch --
-- The line acted; an answer given at the line itself is noted as such.
UPDATE reading_mismatch
   SET done_at = %(at)s, answer = %(answer)s, answered_by = coalesce(answered_by, %(answered_by)s),
       answered_at = coalesce(answered_at, %(at)s)
 WHERE line = %(line)s AND station = %(station)s AND done_at IS NULL

-- call_andon --
-- Pressed twice it is one call.
INSERT INTO andon_call (id, line, station, reason, called_by, called_at)
VALUES (%(id)s, %(line)s, %(station)s, %(reason)s, %(called_by)s, %(called_at)s)
ON CONFLICT (station) WHERE cleared_at IS NULL DO NOTHING

-- open_andon --
SELECT id, line, station, reason, called_by, called_at, cleared_by, cleared_at
  FROM andon_call WHERE station = %(station)s AND cleared_at IS NULL

-- open_andons --
SELECT id, line, station, reason, called_by, called_at, cleared_by, cleared_at
  FROM andon_call WHERE cleared_at IS NULL ORDER BY called_at

-- clear_andon --
UPDATE andon_call SET cleared_by = %(cleared_by)s, cleared_at = greatest(%(cleared_at)s, called_at)
 WHERE station = %(station)s AND cleared_at IS NULL

-- add_report --
INSERT INTO operator_report (id, body_id, line, station, outcome, defect_kind, note, reported_by,
                             reported_at)
VALUES (%(id)s, %(body_id)s, %(line)s, %(station)s, %(outcome)s, %(defect_kind)s, %(note)s,
        %(reported_by)s, %(reported_at)s)
ON CONFLICT ON CONSTRAINT operator_report_once DO NOTHING

-- reports_of_body --
SELECT id, body_id, line, station, outcome, defect_kind, note, reported_by, reported_at
  FROM operator_report WHERE body_id = %(body_id)s ORDER BY reported_at

-- produced --
-- Operations that ended in a stretch of time; the end of a shift belongs to the next one.
SELECT station, count(*)::integer AS produced,
       count(*) FILTER (WHERE state = 'completed')::integer AS good
  FROM operation
 WHERE line = %(line)s AND ended_at >= %(from_at)s AND ended_at < %(to_at)s
 GROUP BY station

-- passed --
-- Which bodies have been taken on by a line already: by where they are, or by what the line reported.
SELECT b.id FROM body AS b
 WHERE b.id = ANY(%(ids)s)
   AND (b.place IN ('finished', 'scrapped') OR b.line = ANY(%(lines)s) OR b.store = ANY(%(stores)s)
        OR EXISTS (SELECT 1 FROM line_job AS j
                    WHERE j.body_id = b.id AND j.line = %(line)s AND j.kind = 'body'
                      AND j.started_at IS NOT NULL))
