-- latest_for_change --
-- The newest alarm of each of some conditions.
SELECT DISTINCT ON (a.line, a.condition, a.branch)
       a.id, a.line, a.condition, a.branch, a.began_at, a.ended_at, a.end_seen, a.station, a.source, a.name,
       a.event_type, a.event_id, a.message, a.severity, a.acked, a.acked_at, a.acked_by, a.comment, a.confirmed,
       a.retain, a.merged, a.changed_at, a.shelved
  FROM unnest(%(lines)s::text[], %(conditions)s::text[], %(branches)s::text[]) AS asked (line, condition, branch)
  JOIN line_alarm AS a USING (line, condition, branch)
 ORDER BY a.line, a.condition, a.branch, a.began_at DESC

-- save --
INSERT INTO line_alarm (id, line, condition, branch, began_at, ended_at, end_seen, station, source, name, event_type,
                        event_id, message, severity, acked, acked_at, acked_by, comment, confirmed, retain, merged,
                        changed_at, shelved)
VALUES (%(id)s, %(line)s, %(condition)s, %(branch)s, %(began_at)s, %(ended_at)s, %(end_seen)s, %(station)s, %(source)s,
        %(name)s, %(event_type)s, %(event_id)s, %(message)s, %(severity)s, %(acked)s, %(acked_at)s, %(acked_by)s,
        %(comment)s, %(confirmed)s, %(retain)s, %(merged)s, %(changed_at)s,
        %(shelved)s)
ON CONFLICT (line, condition, branch, began_at) DO UPDATE
   SET ended_at = excluded.ended_at, end_seen = excluded.end_seen, event_id = excluded.event_id,
       message = excluded.message, severity = excluded.severity, acked = excluded.acked,
       acked_at = excluded.acked_at, acked_by = excluded.acked_by, comment = excluded.comment,
       confirmed = excluded.confirmed, retain = excluded.retain, merged = excluded.merged,
       changed_at = excluded.changed_at, shelved = excluded.shelved

-- standing --
-- What is active or waits for somebody, the gravest first.
SELECT id, line, condition, branch, began_at, ended_at, end_seen, station, source, name, event_type, event_id, message,
       severity, acked, acked_at, acked_by, comment, confirmed, retain, merged, changed_at, shelved
  FROM line_alarm
 WHERE (ended_at IS NULL OR retain) AND (%(line)s::text IS NULL OR line = %(line)s)
 ORDER BY (ended_at IS NULL) DESC, severity DESC, began_at DESC LIMIT %(limit)s

-- newest --
-- What is over and waits for nobody, newest first.
SELECT id, line, condition, branch, began_at, ended_at, end_seen, station, source, name, event_type, event_id, message,
       severity, acked, acked_at, acked_by, comment, confirmed, retain, merged, changed_at, shelved
  FROM line_alarm
 WHERE ended_at IS NOT NULL AND NOT retain AND (%(line)s::text IS NULL OR line = %(line)s)
 ORDER BY began_at DESC LIMIT %(limit)s

-- by_id --
SELECT id, line, condition, branch, began_at, ended_at, end_seen, station, source, name, event_type, event_id, message,
       severity, acked, acked_at, acked_by, comment, confirmed, retain, merged, changed_at, shelved
  FROM line_alarm WHERE id = %(id)s

-- forget --
DELETE FROM line_alarm WHERE ended_at < %(before)s AND NOT retain
