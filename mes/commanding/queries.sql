-- add --
INSERT INTO line_command (id, line, kind, dry_run, rehearsal_id, job_order_id, station, body, actor, reason,
                          asked_at, sent_at)
VALUES (%(id)s, %(line)s, %(kind)s, %(dry_run)s, %(rehearsal_id)s, %(job_order_id)s, %(station)s,
        %(body)s::jsonb, %(actor)s, %(reason)s, %(asked_at)s, %(sent_at)s)
ON CONFLICT (id) DO NOTHING

-- one --
SELECT id, line, kind, dry_run, rehearsal_id, job_order_id, station, body, actor, reason, asked_at, sent_at,
       ok, code, changes, done_at
  FROM line_command WHERE id = %(id)s AND line = %(line)s

-- by_id --
-- Whoever asked it, of whatever line: ids are the plant's.
SELECT id, line, kind, dry_run, rehearsal_id, job_order_id, station, body, actor, reason, asked_at, sent_at,
       ok, code, changes, done_at
  FROM line_command WHERE id = %(id)s

-- carried_out --
SELECT id, line, kind, dry_run, rehearsal_id, job_order_id, station, body, actor, reason, asked_at, sent_at,
       ok, code, changes, done_at
  FROM line_command WHERE rehearsal_id = %(id)s ORDER BY sent_at DESC LIMIT 1

-- newest --
-- The history of a line, the newest first; dry runs only where they are asked for.
SELECT id, line, kind, dry_run, rehearsal_id, job_order_id, station, body, actor, reason, asked_at, sent_at,
       ok, code, changes, done_at
  FROM line_command
 WHERE line = %(line)s AND (%(dry_runs)s OR NOT dry_run)
 ORDER BY sent_at DESC LIMIT %(limit)s

-- finish --
-- The first answer counts; a repeated one changes nothing.
UPDATE line_command SET ok = %(ok)s, code = %(code)s, changes = %(changes)s::jsonb, done_at = %(done_at)s
 WHERE id = %(id)s AND done_at IS NULL
RETURNING id
