-- lock_line --
-- Who changes the jobs of a line does so alone: a comparison with the plan, what the line says of them, decisions about bodies.
SELECT pg_advisory_xact_lock(hashtextextended('dispatching:' || %(line)s, 0))

-- wish --
INSERT INTO dispatch_wish (line, since) SELECT line, %(since)s FROM unnest(%(lines)s::text[]) AS line

-- take_wishes --
WITH oldest AS (
    SELECT line FROM dispatch_wish ORDER BY since LIMIT 1
), taken AS (
    SELECT id FROM dispatch_wish WHERE line = (SELECT line FROM oldest) FOR UPDATE SKIP LOCKED
)
DELETE FROM dispatch_wish WHERE id IN (SELECT id FROM taken) RETURNING line

-- open_jobs --
SELECT id, kind, line, subject_id, attempt, order_id, body_id, rework_id, state, state_at, cancelling,
       sequence, job, good, scrap, reason
  FROM job_order
 WHERE line = %(line)s AND state NOT IN ('Completed', 'Aborted', 'Closed', 'Cancelled')
 ORDER BY sequence

-- job --
SELECT id, kind, line, subject_id, attempt, order_id, body_id, rework_id, state, state_at, cancelling,
       sequence, job, good, scrap, reason
  FROM job_order WHERE id = %(id)s

-- job_for_change --
SELECT id, kind, line, subject_id, attempt, order_id, body_id, rework_id, state, state_at, cancelling,
       sequence, job, good, scrap, reason
  FROM job_order WHERE id = %(id)s FOR UPDATE

-- jobs_of_body --
SELECT id, kind, line, subject_id, attempt, order_id, body_id, rework_id, state, state_at, cancelling,
       sequence, job, good, scrap, reason
  FROM job_order WHERE body_id = %(body_id)s ORDER BY created_at, id

-- ended_jobs --
-- What a line has finished with, the last first.
SELECT id, kind, line, subject_id, attempt, order_id, body_id, rework_id, state, state_at, cancelling,
       sequence, job, good, scrap, reason
  FROM job_order
 WHERE line = %(line)s AND state IN ('Completed', 'Aborted', 'Closed', 'Cancelled')
 ORDER BY state_at DESC LIMIT %(limit)s

-- ended --
-- What is over for subjects on a line: attempts so far, how often it was refused, whether it was done.
SELECT subject_id, max(attempt) AS attempts,
       count(*) FILTER (WHERE state = 'Aborted') AS refused,
       bool_or(state IN ('Completed', 'Closed')) AS done
  FROM job_order
 WHERE line = %(line)s AND subject_id = ANY(%(subjects)s)
 GROUP BY subject_id

-- top_sequence --
SELECT coalesce(max(sequence), 0) FROM job_order WHERE line = %(line)s

-- add_job --
INSERT INTO job_order (id, kind, line, subject_id, attempt, order_id, body_id, rework_id, state, state_at,
                       sequence, job, created_at)
VALUES (%(id)s, %(kind)s, %(line)s, %(subject_id)s, %(attempt)s, %(order_id)s, %(body_id)s,
        %(rework_id)s, %(state)s, %(state_at)s, %(sequence)s, %(job)s::jsonb, %(created_at)s)
ON CONFLICT (id) DO NOTHING

-- save_job --
UPDATE job_order
   SET state = %(state)s, state_at = %(state_at)s, cancelling = %(cancelling)s,
       sequence = %(sequence)s, job = %(job)s::jsonb, good = %(good)s, scrap = %(scrap)s,
       reason = %(reason)s, row_version = row_version + 1
 WHERE id = %(id)s

-- note_report --
UPDATE job_order SET reported_state = %(state)s, reported_at = %(at)s WHERE id = %(id)s

-- differing --
-- Jobs whose line said something else than what is known here when it was last asked.
SELECT id, line, state, reported_state, reported_at
  FROM job_order
 WHERE reported_at IS NOT NULL AND state NOT IN ('Completed', 'Aborted', 'Closed', 'Cancelled')
   AND reported_state IS DISTINCT FROM state
 ORDER BY line, sequence

-- add_command --
INSERT INTO job_command (command_id, job_order_id, line, kind, issued_at)
VALUES (%(command_id)s, %(job_order_id)s, %(line)s, %(kind)s, %(issued_at)s)
ON CONFLICT (command_id) DO NOTHING

-- finish_command --
UPDATE job_command SET ok = %(ok)s, code = %(code)s, message = %(message)s, done_at = %(done_at)s
 WHERE command_id = %(command_id)s AND ok IS NULL
RETURNING job_order_id

-- forget_jobs --
DELETE FROM job_order
 WHERE state IN ('Completed', 'Aborted', 'Closed', 'Cancelled') AND state_at < %(before)s
   AND NOT EXISTS (SELECT 1 FROM job_command WHERE job_command.job_order_id = job_order.id)

-- forget_commands --
DELETE FROM job_command WHERE done_at < %(before)s
