-- Plan versions

-- next_number --
SELECT coalesce(max(number), 0) + 1 FROM plan WHERE site = %(site)s

-- lock_site --
-- One publication at a time; a solve's result and a repair may be ready in the same moment.
SELECT pg_advisory_xact_lock(hashtextextended('planning:' || %(site)s, 0))

-- lock_operations --
-- Who writes planned operations does so alone, and asks for this before orders and capacity: a repair writes them
-- line by line, what lines report comes in another order, and each would wait for the other.
SELECT pg_advisory_xact_lock(hashtextextended('planned_operation', 0))

-- add_plan --
INSERT INTO plan (id, site, number, state, kind, cause, base_id, anchor_at, horizon_s, snapshot_hash,
                  budget_s, problem, requested_by, created_at)
VALUES (%(id)s, %(site)s, %(number)s, %(state)s, %(kind)s, %(cause)s, %(base_id)s, %(anchor_at)s,
        %(horizon_s)s, %(snapshot_hash)s, %(budget_s)s, %(problem)s, %(requested_by)s, %(created_at)s)

-- plan_head --
SELECT id, site, number, state, kind, cause, base_id, anchor_at, horizon_s, snapshot_hash, budget_s,
       solved_s, progress, kpis, unplaced, violations, failure, requested_by, created_at, published_at,
       published_by, automatic, note, superseded_at, row_version
  FROM plan WHERE id = %(id)s

-- plan_for_change --
SELECT id, site, number, state, kind, cause, base_id, anchor_at, horizon_s, snapshot_hash, budget_s,
       solved_s, progress, kpis, unplaced, violations, failure, requested_by, created_at, published_at,
       published_by, automatic, note, superseded_at, row_version
  FROM plan WHERE id = %(id)s FOR UPDATE

-- published_head --
SELECT id, site, number, state, kind, cause, base_id, anchor_at, horizon_s, snapshot_hash, budget_s,
       solved_s, progress, kpis, unplaced, violations, failure, requested_by, created_at, published_at,
       published_by, automatic, note, superseded_at, row_version
  FROM plan WHERE site = %(site)s AND state = 'published'

-- published_id --
-- Which version is in force, without its figures: every quote asks.
SELECT id FROM plan WHERE site = %(site)s AND state = 'published'

-- recent_heads --
SELECT id, site, number, state, kind, cause, base_id, anchor_at, horizon_s, snapshot_hash, budget_s,
       solved_s, progress, kpis, unplaced, violations, failure, requested_by, created_at, published_at,
       published_by, automatic, note, superseded_at, row_version
  FROM plan WHERE site = %(site)s ORDER BY number DESC LIMIT %(limit)s

-- solving_head --
SELECT id, site, number, state, kind, cause, base_id, anchor_at, horizon_s, snapshot_hash, budget_s,
       solved_s, progress, kpis, unplaced, violations, failure, requested_by, created_at, published_at,
       published_by, automatic, note, superseded_at, row_version
  FROM plan WHERE site = %(site)s AND state = 'solving'

-- solving_without_job --
-- Versions that wait for a solve which nobody runs or will run any more.
SELECT id, site, number, state, kind, cause, base_id, anchor_at, horizon_s, snapshot_hash, budget_s,
       solved_s, progress, kpis, unplaced, violations, failure, requested_by, created_at, published_at,
       published_by, automatic, note, superseded_at, row_version
  FROM plan WHERE state = 'solving'
   AND NOT EXISTS (SELECT FROM procrastinate_jobs j
                    WHERE j.task_name = 'planning.solve' AND j.args->>'plan_id' = plan.id::text
                      AND j.status IN ('todo', 'doing', 'aborting'))

-- plan_content --
SELECT problem, schedule FROM plan WHERE id = %(id)s

-- save_result --
-- A solve or repair ended with a schedule and the checker's word on it.
UPDATE plan
   SET state = %(state)s, schedule = %(schedule)s, problem = %(problem)s, anchor_at = %(anchor_at)s,
       snapshot_hash = %(snapshot_hash)s, kpis = %(kpis)s::jsonb, unplaced = %(unplaced)s::jsonb,
       violations = %(violations)s::jsonb, solved_s = %(solved_s)s, failure = %(failure)s,
       progress = %(progress)s::jsonb, row_version = row_version + 1
 WHERE id = %(id)s

-- save_progress --
UPDATE plan SET progress = %(progress)s::jsonb WHERE id = %(id)s AND state = 'solving'

-- save_failure --
UPDATE plan SET state = %(state)s, failure = %(failure)s, row_version = row_version + 1
 WHERE id = %(id)s AND state IN ('solving', 'draft')

-- ask_to_cancel --
UPDATE plan SET progress = progress || '{"cancel": true}'::jsonb
 WHERE id = %(id)s AND state = 'solving'

-- supersede --
UPDATE plan SET state = 'superseded', superseded_at = %(now)s, row_version = row_version + 1
 WHERE site = %(site)s AND state = 'published'

-- save_publication --
UPDATE plan
   SET state = 'published', published_at = %(published_at)s, published_by = %(published_by)s,
       automatic = %(automatic)s, note = %(note)s, row_version = %(row_version)s
 WHERE id = %(id)s

-- last_solve_at --
SELECT max(created_at) FROM plan WHERE site = %(site)s AND kind = 'solve'

-- drop_old_content --
-- Repairs come by the hundred; the content of old ones is not kept, their figures and events are.
UPDATE plan SET problem = NULL, schedule = NULL
 WHERE site = %(site)s AND kind = 'repair' AND state IN ('superseded', 'discarded')
   AND number < %(before)s AND schedule IS NOT NULL
   AND id NOT IN (SELECT base_plan_id FROM planning_delay
                   WHERE base_plan_id IS NOT NULL AND state <> 'ended')

-- Planned operations

-- operations_between --
SELECT line, subject_id, kind, order_id, order_number, car_id, body_id, body_number, model, color,
       options, lot_id, panel, quantity, sequence, start_at, end_at, need_by_at, finish_at,
       promised_at, frozen, started, actual_start_at, actual_end_at
  FROM planned_operation
 WHERE coalesce(actual_start_at, start_at) < %(to_at)s
   AND greatest(end_at, coalesce(actual_end_at, end_at)) > %(from_at)s
 ORDER BY line, start_at, sequence

-- operations_of_order --
SELECT line, subject_id, kind, order_id, order_number, car_id, body_id, body_number, model, color,
       options, lot_id, panel, quantity, sequence, start_at, end_at, need_by_at, finish_at,
       promised_at, frozen, started, actual_start_at, actual_end_at
  FROM planned_operation WHERE order_id = %(order_id)s ORDER BY start_at

-- next_on_line --
-- What a line is to do next by the plan in force: not begun, first comes first.
SELECT line, subject_id, kind, order_id, order_number, car_id, body_id, body_number, model, color,
       options, lot_id, panel, quantity, sequence, start_at, end_at, need_by_at, finish_at,
       promised_at, frozen, started, actual_start_at, actual_end_at
  FROM planned_operation
 WHERE line = %(line)s AND actual_start_at IS NULL AND NOT started
 ORDER BY start_at, sequence LIMIT %(limit)s

-- on_line --
SELECT line, subject_id, kind, order_id, order_number, car_id, body_id, body_number, model, color,
       options, lot_id, panel, quantity, sequence, start_at, end_at, need_by_at, finish_at,
       promised_at, frozen, started, actual_start_at, actual_end_at
  FROM planned_operation WHERE line = %(line)s AND subject_id = ANY(%(subjects)s)

-- write_operations --
-- Of what the new version says only what differs is written: nearly all rows of a repair are as they were, and
-- a row that is written waits for whoever notes a start or an end in it, and they for it.
WITH given AS MATERIALIZED (
  SELECT *
    FROM jsonb_to_recordset(%(rows)s::jsonb)
         AS one (line text, subject_id uuid, kind text, order_id uuid, order_number text, car_id text,
                 body_id uuid, body_number text, model text, color text, options text[], lot_id text,
                 panel text, quantity integer, sequence integer, start_at timestamptz,
                 end_at timestamptz, need_by_at timestamptz, finish_at timestamptz,
                 promised_at timestamptz, frozen boolean, started boolean)
)
INSERT INTO planned_operation AS known
       (line, subject_id, kind, order_id, order_number, car_id, body_id, body_number, model, color,
        options, lot_id, panel, quantity, sequence, start_at, end_at, need_by_at, finish_at,
        promised_at, frozen, started)
SELECT given.*
  FROM given LEFT JOIN planned_operation AS old USING (line, subject_id)
 WHERE old.kind IS NULL
    OR (old.car_id, old.body_id, old.body_number, old.model, old.color, old.options, old.quantity,
        old.sequence, old.start_at, old.end_at, old.need_by_at, old.finish_at, old.promised_at,
        old.frozen, old.started)
       IS DISTINCT FROM
       (given.car_id, given.body_id, given.body_number, given.model, given.color, given.options,
        given.quantity, given.sequence, given.start_at, given.end_at, given.need_by_at,
        given.finish_at, given.promised_at, given.frozen, given.started)
ON CONFLICT (line, subject_id) DO UPDATE
   SET car_id = excluded.car_id, body_id = excluded.body_id, body_number = excluded.body_number,
       model = excluded.model, color = excluded.color, options = excluded.options,
       quantity = excluded.quantity, sequence = excluded.sequence,
       start_at = excluded.start_at, end_at = excluded.end_at, need_by_at = excluded.need_by_at,
       finish_at = excluded.finish_at, promised_at = excluded.promised_at,
       frozen = excluded.frozen, started = excluded.started,
       actual_start_at = CASE WHEN known.car_id IS DISTINCT FROM excluded.car_id
                              THEN NULL ELSE known.actual_start_at END,
       actual_end_at = CASE WHEN known.car_id IS DISTINCT FROM excluded.car_id
                            THEN NULL ELSE known.actual_end_at END

-- drop_operations --
-- What the new version no longer has and nobody has begun: it would stand before what is to be done next.
DELETE FROM planned_operation AS old
 WHERE NOT old.started AND old.actual_start_at IS NULL
   AND NOT EXISTS (SELECT FROM unnest(%(lines)s::text[], %(subjects)s::uuid[]) AS given (line, subject_id)
                    WHERE given.line = old.line AND given.subject_id = old.subject_id)

-- set_promised --
UPDATE planned_operation SET promised_at = %(promised_at)s WHERE order_id = %(order_id)s

-- set_body --
UPDATE planned_operation SET body_id = %(body_id)s, body_number = %(body_number)s
 WHERE order_id = %(order_id)s AND actual_end_at IS NULL

-- replace_body --
-- What was planned for a scrapped body is void until the next repair plans its successor.
DELETE FROM planned_operation WHERE order_id = %(order_id)s AND body_id = %(body_id)s

-- note_start --
UPDATE planned_operation SET actual_start_at = least(actual_start_at, %(at)s), started = true
 WHERE line = %(line)s AND subject_id = %(subject_id)s

-- note_end --
UPDATE planned_operation
   SET actual_end_at = %(at)s, actual_start_at = coalesce(actual_start_at, start_at), started = true
 WHERE line = %(line)s AND subject_id = %(subject_id)s AND actual_end_at IS NULL

-- forget_operations --
DELETE FROM planned_operation WHERE end_at < %(before)s AND actual_end_at < %(before)s

-- lots --
SELECT line, subject_id, lot_id, panel, quantity, start_at, actual_start_at, actual_end_at
  FROM planned_operation WHERE kind = 'die_lot' ORDER BY line, start_at

-- entering_horizon --
-- Orders whose first work is so near that their configuration must not change any more.
SELECT order_id, min(start_at) AS start_at
  FROM planned_operation
 WHERE order_id IS NOT NULL AND body_id IS NULL
 GROUP BY order_id HAVING min(start_at) < %(until)s
 ORDER BY min(start_at) LIMIT %(limit)s

-- News and delays

-- add_news --
INSERT INTO planning_news (event_seq, event_id, kind, order_id, body_id, hold_id, line, at)
VALUES (%(event_seq)s, %(event_id)s, %(kind)s, %(order_id)s, %(body_id)s, %(hold_id)s, %(line)s, %(at)s)
ON CONFLICT (event_seq) DO NOTHING

-- news --
SELECT event_seq, event_id, kind, order_id, body_id, hold_id, line, at
  FROM planning_news ORDER BY event_seq LIMIT %(limit)s

-- kinds_of_news --
SELECT DISTINCT kind FROM planning_news

-- newest_news --
SELECT max(event_seq) FROM planning_news

-- take_news --
DELETE FROM planning_news WHERE event_seq <= %(seq)s

-- delay --
SELECT hold_id, body_id, order_id, line, state, cause, defect_kind, work_s, since_at, available_at,
       inspection_event, hold_event, rework_event, end_event, missed_event, base_plan_id, ended_at
  FROM planning_delay WHERE hold_id = %(hold_id)s FOR UPDATE

-- delays_of_body --
SELECT hold_id, body_id, order_id, line, state, cause, defect_kind, work_s, since_at, available_at,
       inspection_event, hold_event, rework_event, end_event, missed_event, base_plan_id, ended_at
  FROM planning_delay WHERE body_id = %(body_id)s AND state <> 'ended'

-- delays_of_body_ever --
SELECT hold_id, body_id, order_id, line, state, cause, defect_kind, work_s, since_at, available_at,
       inspection_event, hold_event, rework_event, end_event, missed_event, base_plan_id, ended_at
  FROM planning_delay WHERE body_id = %(body_id)s ORDER BY since_at DESC

-- open_delays --
SELECT hold_id, body_id, order_id, line, state, cause, defect_kind, work_s, since_at, available_at,
       inspection_event, hold_event, rework_event, end_event, missed_event, base_plan_id, ended_at
  FROM planning_delay WHERE state <> 'ended' ORDER BY since_at

-- save_delay --
INSERT INTO planning_delay (hold_id, body_id, order_id, line, state, cause, defect_kind, work_s, since_at,
                            available_at, inspection_event, hold_event, rework_event, end_event,
                            missed_event, base_plan_id, ended_at)
VALUES (%(hold_id)s, %(body_id)s, %(order_id)s, %(line)s, %(state)s, %(cause)s, %(defect_kind)s,
        %(work_s)s, %(since_at)s, %(available_at)s, %(inspection_event)s, %(hold_event)s,
        %(rework_event)s, %(end_event)s, %(missed_event)s, %(base_plan_id)s, %(ended_at)s)
ON CONFLICT (hold_id) DO UPDATE
   SET state = excluded.state, cause = excluded.cause, defect_kind = excluded.defect_kind,
       work_s = excluded.work_s, since_at = excluded.since_at, available_at = excluded.available_at,
       inspection_event = excluded.inspection_event, hold_event = excluded.hold_event,
       rework_event = excluded.rework_event,
       end_event = excluded.end_event, missed_event = excluded.missed_event,
       base_plan_id = excluded.base_plan_id, ended_at = excluded.ended_at

-- extend_delay --
UPDATE planning_delay SET available_at = %(until)s WHERE hold_id = %(hold_id)s AND state <> 'ended'

-- add_move --
-- A promise that one delay moved twice goes back to where it stood before the first.
INSERT INTO promise_move (hold_id, order_id, former_at, moved_at)
VALUES (%(hold_id)s, %(order_id)s, %(former_at)s, %(moved_at)s)
ON CONFLICT (hold_id, order_id) DO UPDATE SET moved_at = excluded.moved_at

-- moves_of_hold --
SELECT hold_id, order_id, former_at, moved_at FROM promise_move WHERE hold_id = %(hold_id)s

-- drop_moves --
DELETE FROM promise_move WHERE hold_id = %(hold_id)s

-- save_downtime --
INSERT INTO planning_downtime (line, station, since_at, until_at, reason, event_id)
VALUES (%(line)s, %(station)s, %(since_at)s, %(until_at)s, %(reason)s, %(event_id)s)
ON CONFLICT (line) DO UPDATE SET station = excluded.station, since_at = excluded.since_at,
       until_at = excluded.until_at, reason = excluded.reason, event_id = excluded.event_id

-- drop_downtime --
DELETE FROM planning_downtime WHERE line = %(line)s

-- downtimes --
SELECT line, station, since_at, until_at, reason, event_id FROM planning_downtime

-- Capacity and quotes

-- save_capacity --
INSERT INTO capacity_shift (line, shift_id, start_at, end_at, places)
VALUES (%(line)s, %(shift_id)s, %(start_at)s, %(end_at)s, %(places)s)
ON CONFLICT (line, shift_id) DO NOTHING

-- set_planned --
-- What the plan in force holds of each shift; a reservation of a car that is in it is no second debit.
UPDATE capacity_shift AS shift
   SET planned = coalesce(given.planned, 0),
       reserved = coalesce(given.reserved, 0),
       places = greatest(shift.places, coalesce(given.planned, 0) + coalesce(given.reserved, 0))
  FROM (SELECT one.shift_id, plan.count AS planned, held.count AS reserved
          FROM capacity_shift AS one
          LEFT JOIN jsonb_to_recordset(%(planned)s::jsonb) AS plan (shift_id text, count integer)
            ON plan.shift_id = one.shift_id
          LEFT JOIN (SELECT shift_id, count(*)::integer AS count FROM capacity_reservation
                      WHERE line = %(line)s GROUP BY shift_id) AS held
            ON held.shift_id = one.shift_id
         WHERE one.line = %(line)s AND one.end_at > %(now)s) AS given
 WHERE shift.line = %(line)s AND shift.shift_id = given.shift_id

-- lock_capacity --
-- Publications and debits never interleave: both lock the shifts in the order of time.
SELECT shift_id FROM capacity_shift WHERE line = %(line)s AND end_at > %(now)s
 ORDER BY start_at FOR UPDATE

-- set_planned_options --
-- What the plan in force takes of the option caps; a plan that breaks a soft rule widens its cap by that.
INSERT INTO capacity_option AS known (line, shift_id, rule, option, cap, planned, reserved)
SELECT %(line)s, given.shift_id, given.rule, given.option,
       greatest(given.cap, given.planned + coalesce(held.count, 0)), given.planned, coalesce(held.count, 0)
  FROM jsonb_to_recordset(%(rows)s::jsonb)
       AS given (shift_id text, rule text, option text, cap integer, planned integer)
  LEFT JOIN (SELECT shift_id, rule, count(*)::integer AS count
               FROM capacity_reservation CROSS JOIN unnest(rules) AS rule
              WHERE line = %(line)s GROUP BY shift_id, rule) AS held
    ON held.shift_id = given.shift_id AND held.rule = given.rule
ON CONFLICT (line, shift_id, rule) DO UPDATE
   SET cap = excluded.cap, planned = excluded.planned, reserved = excluded.reserved

-- set_planned_parts --
UPDATE part_shortage AS part
   SET planned = given.planned, reserved = given.reserved,
       pieces = greatest(part.pieces, given.planned + given.reserved)
  FROM (SELECT one.option, coalesce(plan.count, 0) AS planned, coalesce(held.count, 0) AS reserved
          FROM part_shortage AS one
          LEFT JOIN jsonb_to_recordset(%(planned)s::jsonb) AS plan (option text, count integer)
            ON plan.option = one.option
          LEFT JOIN (SELECT part, count(*)::integer AS count
                       FROM capacity_reservation CROSS JOIN unnest(parts) AS part GROUP BY part) AS held
            ON held.part = one.option) AS given
 WHERE part.option = given.option

-- open_shift --
-- The first shift with a free place, for its options too, that ends late enough; locked until the debit
-- is committed.
SELECT line, shift_id, start_at, end_at, places, planned, reserved
  FROM capacity_shift AS shift
 WHERE line = %(line)s AND end_at > %(earliest)s AND start_at > %(after)s
   AND planned + reserved < places
   AND NOT EXISTS (SELECT 1 FROM capacity_option AS full_
                    WHERE full_.line = shift.line AND full_.shift_id = shift.shift_id
                      AND full_.option = ANY(%(need)s) AND full_.planned + full_.reserved >= full_.cap)
 ORDER BY start_at LIMIT 1 FOR UPDATE OF shift

-- free_shift --
-- The same without a lock: for a question that holds nothing.
SELECT line, shift_id, start_at, end_at, places, planned, reserved
  FROM capacity_shift AS shift
 WHERE line = %(line)s AND end_at > %(earliest)s AND start_at > %(after)s
   AND planned + reserved < places
   AND NOT EXISTS (SELECT 1 FROM capacity_option AS full_
                    WHERE full_.line = shift.line AND full_.shift_id = shift.shift_id
                      AND full_.option = ANY(%(need)s) AND full_.planned + full_.reserved >= full_.cap)
 ORDER BY start_at LIMIT 1

-- takes_options --
SELECT NOT EXISTS (SELECT 1 FROM capacity_option
                    WHERE line = %(line)s AND shift_id = %(shift_id)s AND option = ANY(%(need)s)
                      AND planned + reserved >= cap)

-- shortages --
SELECT option, pieces, until_at, reason, planned, reserved FROM part_shortage ORDER BY until_at, option

-- used_up --
SELECT option, pieces, until_at, reason, planned, reserved
  FROM part_shortage WHERE option = ANY(%(need)s) AND planned + reserved >= pieces

-- lock_parts --
-- The parts that are short among those a car needs, locked until the debit is committed.
SELECT option, pieces, until_at, reason, planned, reserved
  FROM part_shortage WHERE option = ANY(%(need)s) ORDER BY option FOR UPDATE

-- lock_all_parts --
SELECT option FROM part_shortage ORDER BY option FOR UPDATE

-- save_shortage --
INSERT INTO part_shortage AS known (option, pieces, until_at, reason, entered_by, entered_at)
VALUES (%(option)s, %(pieces)s, %(until_at)s, %(reason)s, %(entered_by)s, %(entered_at)s)
ON CONFLICT (option) DO UPDATE
   SET pieces = greatest(excluded.pieces, known.planned + known.reserved), until_at = excluded.until_at,
       reason = excluded.reason, entered_by = excluded.entered_by, entered_at = excluded.entered_at

-- drop_shortage --
DELETE FROM part_shortage WHERE option = %(option)s

-- shifts_ahead --
SELECT line, shift_id, start_at, end_at, places, planned, reserved
  FROM capacity_shift WHERE line = %(line)s AND end_at > %(from_at)s ORDER BY start_at LIMIT %(limit)s

-- passed_shifts --
-- The shifts that a car could start in and does not: how many are full, and in the others how many have
-- used up each option that it needs (rule → [option, shifts]).
WITH passed AS (
    SELECT shift_id, end_at, planned + reserved >= places AS is_full
      FROM capacity_shift
     WHERE line = %(line)s AND end_at > %(earliest)s AND start_at < %(before)s
)
SELECT count(*) AS shifts, count(*) FILTER (WHERE is_full) AS full_shifts,
       max(end_at) FILTER (WHERE is_full) AS full_until,
       coalesce((SELECT jsonb_agg(jsonb_build_array(rule, option, n) ORDER BY n DESC, rule)
                   FROM (SELECT o.rule, o.option, count(*) AS n
                           FROM capacity_option AS o JOIN passed USING (shift_id)
                          WHERE o.line = %(line)s AND o.option = ANY(%(need)s) AND NOT passed.is_full
                            AND o.planned + o.reserved >= o.cap
                          GROUP BY o.rule, o.option) AS used_up), '[]'::jsonb) AS options
  FROM passed

-- credit --
UPDATE capacity_shift SET reserved = greatest(0, reserved - 1)
 WHERE line = %(line)s AND shift_id = %(shift_id)s

-- credit_options --
UPDATE capacity_option SET reserved = greatest(0, reserved - 1)
 WHERE line = %(line)s AND shift_id = %(shift_id)s AND rule = ANY(%(rules)s)

-- credit_parts --
UPDATE part_shortage SET reserved = greatest(0, reserved - 1) WHERE option = ANY(%(parts)s)

-- reserve --
-- Debits a place, the options that it takes there and the parts that are short, and writes down which.
WITH place AS (
    UPDATE capacity_shift SET reserved = reserved + 1
     WHERE line = %(line)s AND shift_id = %(shift_id)s
), options AS (
    UPDATE capacity_option SET reserved = reserved + 1
     WHERE line = %(line)s AND shift_id = %(shift_id)s AND option = ANY(%(need)s) RETURNING rule
), parts AS (
    UPDATE part_shortage SET reserved = reserved + 1
     WHERE option = ANY(%(need)s) AND until_at > %(start_at)s RETURNING option
)
INSERT INTO capacity_reservation (id, line, shift_id, holder, holder_id, start_at, expires_at, rules, parts)
VALUES (%(id)s, %(line)s, %(shift_id)s, %(holder)s, %(holder_id)s, %(start_at)s, %(expires_at)s,
        coalesce((SELECT array_agg(rule) FROM options), '{}'),
        coalesce((SELECT array_agg(option) FROM parts), '{}'))

-- drop_reservation --
DELETE FROM capacity_reservation WHERE holder = %(holder)s AND holder_id = %(holder_id)s
RETURNING line, shift_id, start_at, rules, parts

-- drop_reservations_in_plan --
-- Orders that the plan holds need no reservation beside it.
DELETE FROM capacity_reservation WHERE holder = 'order' AND holder_id = ANY(%(orders)s)

-- pass_reservation_on --
UPDATE capacity_reservation SET holder = 'order', holder_id = %(order_id)s, expires_at = NULL
 WHERE holder = 'quote' AND holder_id = %(quote_id)s

-- reservation_of --
SELECT line, shift_id, start_at, rules, parts FROM capacity_reservation
 WHERE holder = %(holder)s AND holder_id = %(holder_id)s

-- broken_ledger --
-- Every count of the ledger beside what its reservations add up to, and every limit that is exceeded, in
-- the shifts that are not over: of those nothing can be promised any more, and nothing is counted.
SELECT 'place' AS what, s.shift_id AS subject, s.places AS cap, s.planned, s.reserved,
       count(r.id)::integer AS held
  FROM capacity_shift AS s
  LEFT JOIN capacity_reservation AS r ON r.line = s.line AND r.shift_id = s.shift_id
 WHERE s.end_at > %(now)s
 GROUP BY s.line, s.shift_id
HAVING s.reserved <> count(r.id) OR s.planned + count(r.id) > s.places
UNION ALL
SELECT 'option', o.shift_id || ' ' || o.option, o.cap, o.planned, o.reserved, count(r.id)::integer
  FROM capacity_option AS o
  JOIN capacity_shift AS s ON s.line = o.line AND s.shift_id = o.shift_id AND s.end_at > %(now)s
  LEFT JOIN capacity_reservation AS r
    ON r.line = o.line AND r.shift_id = o.shift_id AND o.rule = ANY(r.rules)
 GROUP BY o.line, o.shift_id, o.rule
HAVING o.reserved <> count(r.id) OR o.planned + count(r.id) > o.cap
UNION ALL
SELECT 'part', p.option, p.pieces, p.planned, p.reserved, count(r.id)::integer
  FROM part_shortage AS p
  LEFT JOIN capacity_reservation AS r ON p.option = ANY(r.parts)
 GROUP BY p.option
HAVING p.reserved <> count(r.id) OR p.planned + count(r.id) > p.pieces

-- add_quote --
INSERT INTO quote (id, state, model, color, options, wanted_at, promised_at, confidence, assumed, reasons,
                   not_sooner, expires_at, created_at, created_by)
VALUES (%(id)s, 'held', %(model)s, %(color)s, %(options)s, %(wanted_at)s, %(promised_at)s,
        %(confidence)s, %(assumed)s, %(reasons)s::jsonb, %(not_sooner)s::jsonb,
        %(expires_at)s, %(created_at)s, %(created_by)s)
RETURNING number

-- quote --
SELECT id, number, state, model, color, options, wanted_at, promised_at, confidence, assumed, reasons,
       not_sooner, expires_at, order_id, created_at, created_by, row_version
  FROM quote WHERE id = %(id)s

-- quote_for_change --
SELECT id, number, state, model, color, options, wanted_at, promised_at, confidence, assumed, reasons,
       not_sooner, expires_at, order_id, created_at, created_by, row_version
  FROM quote WHERE id = %(id)s FOR UPDATE

-- quote_of_order --
SELECT id, number, state, model, color, options, wanted_at, promised_at, confidence, assumed, reasons,
       not_sooner, expires_at, order_id, created_at, created_by, row_version
  FROM quote WHERE order_id = %(order_id)s

-- held_quotes --
-- The plan keeps a place for what is quoted.
SELECT id, number, state, model, color, options, wanted_at, promised_at, confidence, assumed, reasons,
       not_sooner, expires_at, order_id, created_at, created_by, row_version
  FROM quote WHERE state = 'held' AND expires_at > %(now)s ORDER BY number

-- expired_quotes --
SELECT id FROM quote WHERE state = 'held' AND expires_at <= %(now)s LIMIT 200

-- save_quote --
UPDATE quote SET state = %(state)s, order_id = %(order_id)s, row_version = row_version + 1
 WHERE id = %(id)s

-- History

-- plant_shown --
-- What a promise depends on beside its car: how promises turned out, which lines are down, and a word that
-- changes when draws have to be renewed: a line has stopped once more, or twenty more bodies have passed.
SELECT (SELECT coalesce(string_agg(line || stops || '/' || (bodies + reworked) / 20, ' ' ORDER BY line), '')
          FROM line_history) AS seen,
       (SELECT coalesce(string_agg(line || coalesce('/' || station, ''), ' ' ORDER BY line), '')
          FROM planning_downtime) AS down,
       kept, total
  FROM (SELECT count(*) FILTER (WHERE kept) AS kept, count(*) AS total
          FROM (SELECT kept FROM promise_outcome ORDER BY finished_at DESC LIMIT 500) AS recent) AS record

-- line_histories --
SELECT r.line, r.stops, r.stopped_s, r.bodies, r.reworked,
       greatest(0, extract(epoch FROM (SELECT max(ended_at) FROM line_run WHERE line_run.line = r.line)
                                      - r.since_at))::double precision AS observed_s,
       (SELECT array_agg(newest.extra_s)
          FROM (SELECT extra_s FROM line_run WHERE line_run.line = r.line
                 ORDER BY ended_at DESC LIMIT %(runs)s) AS newest) AS runs
  FROM line_history AS r

-- note_stop --
INSERT INTO line_history AS known (line, since_at, stops, stopped_s)
VALUES (%(line)s, %(since_at)s, 1, %(stopped_s)s)
ON CONFLICT (line) DO UPDATE
   SET stops = known.stops + 1, stopped_s = known.stopped_s + excluded.stopped_s

-- note_body --
INSERT INTO line_history AS known (line, since_at, bodies) VALUES (%(line)s, %(now)s, 1)
ON CONFLICT (line) DO UPDATE SET bodies = known.bodies + 1

-- note_rework --
INSERT INTO line_history AS known (line, since_at, reworked) VALUES (%(line)s, %(now)s, 1)
ON CONFLICT (line) DO UPDATE SET reworked = known.reworked + 1

-- note_run --
-- A body whose start on the line was seen shows how much longer than nominal it took.
INSERT INTO line_run (line, order_id, extra_s, ended_at)
SELECT line, order_id,
       extract(epoch FROM %(ended_at)s - actual_start_at) - %(nominal_s)s, %(ended_at)s
  FROM planned_operation
 WHERE line = %(line)s AND order_id = %(order_id)s AND actual_start_at IS NOT NULL
   AND actual_start_at < %(ended_at)s
ON CONFLICT (line, order_id) DO NOTHING

-- forget_runs --
DELETE FROM line_run AS old
 USING (SELECT line, order_id,
               row_number() OVER (PARTITION BY line ORDER BY ended_at DESC) AS place
          FROM line_run) AS ranked
 WHERE old.line = ranked.line AND old.order_id = ranked.order_id AND ranked.place > %(runs)s

-- doubts --
SELECT order_id, late_since, reasons, event_id FROM promise_watch

-- add_doubt --
INSERT INTO promise_watch (order_id, late_since, reasons, event_id)
VALUES (%(order_id)s, %(late_since)s, %(reasons)s::jsonb, %(event_id)s)
ON CONFLICT (order_id) DO NOTHING

-- drop_doubts --
DELETE FROM promise_watch WHERE order_id = ANY(%(order_ids)s)

-- outcomes --
SELECT order_id, promised_at, finished_at, coalesce(first_promised_at, promised_at) AS first_promised_at,
       coalesce(first_confidence, 0) AS first_confidence, coalesce(assumed, true) AS assumed, changes
  FROM promise_outcome WHERE first_confidence IS NOT NULL ORDER BY finished_at DESC LIMIT %(limit)s

-- add_outcome --
INSERT INTO promise_outcome (order_id, promised_at, finished_at, kept, first_promised_at,
                             first_confidence, assumed, changes)
VALUES (%(order_id)s, %(promised_at)s, %(finished_at)s, %(kept)s, %(first_promised_at)s,
        %(first_confidence)s, %(assumed)s, %(changes)s)
ON CONFLICT (order_id) DO NOTHING
