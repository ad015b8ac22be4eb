-- insert --
-- What happened, written in the transaction that changed the state.
INSERT INTO event (id, type, version, subject, causation_id, correlation_id, actor, plant_at, payload)
VALUES (%(id)s, %(type)s, %(version)s, %(subject)s, %(causation_id)s, %(correlation_id)s, %(actor)s,
        %(plant_at)s, %(payload)s::jsonb)
RETURNING seq, recorded_at, xid::text::bigint AS xid

-- insert_all --
-- Many events of one actor, numbered in the order in which they are given.
INSERT INTO event (id, type, version, subject, correlation_id, actor, plant_at, payload)
SELECT id, type, version, subject, correlation_id, %(actor)s, plant_at, payload::jsonb
  FROM unnest(%(ids)s::uuid[], %(types)s::text[], %(versions)s::smallint[], %(subjects)s::text[],
              %(correlations)s::uuid[], %(plant_ats)s::timestamptz[], %(payloads)s::text[])
       WITH ORDINALITY AS given (id, type, version, subject, correlation_id, plant_at, payload, place)
 ORDER BY place

-- wake --
-- Readers look at once instead of at their next poll; repeated in a transaction it is sent once.
SELECT pg_notify('c2m_event', '')

-- after --
-- Committed events after a place, in commit order; none that an older open transaction could precede.
SELECT seq, id, type, version, subject, causation_id, correlation_id, actor, plant_at, recorded_at,
       payload, xid::text::bigint AS xid
  FROM event
 WHERE (xid, seq) > (%(xid)s::text::xid8, %(seq)s)
   AND xid < pg_snapshot_xmin(pg_current_snapshot())
 ORDER BY xid, seq
 LIMIT %(limit)s

-- by_id --
SELECT seq, id, type, version, subject, causation_id, correlation_id, actor, plant_at, recorded_at,
       payload, xid::text::bigint AS xid
  FROM event WHERE id = %(id)s

-- about_subject --
-- The history of one thing, oldest first.
SELECT seq, id, type, version, subject, causation_id, correlation_id, actor, plant_at, recorded_at,
       payload, xid::text::bigint AS xid
  FROM event WHERE subject = %(subject)s ORDER BY seq LIMIT %(limit)s

-- of_correlation --
-- Everything that belongs to one order, oldest first.
SELECT seq, id, type, version, subject, causation_id, correlation_id, actor, plant_at, recorded_at,
       payload, xid::text::bigint AS xid
  FROM event WHERE correlation_id = %(correlation_id)s ORDER BY seq LIMIT %(limit)s

-- horizon --
-- The place up to which everything is committed and visible to readers now.
SELECT (pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1) AS xid

-- cursors --
SELECT handler, xid::text::bigint AS xid, seq FROM event_cursor

-- save_cursor --
INSERT INTO event_cursor (handler, xid, seq) VALUES (%(handler)s, %(xid)s::text::xid8, %(seq)s)
ON CONFLICT (handler) DO UPDATE SET xid = excluded.xid, seq = excluded.seq

-- save_failure --
-- A handler gave up on an event after its retries: kept for a person, the handler goes on.
INSERT INTO event_failure (handler, event_seq, error, failed_at)
VALUES (%(handler)s, %(event_seq)s, %(error)s, %(failed_at)s)
ON CONFLICT (handler, event_seq) DO UPDATE SET error = excluded.error, failed_at = excluded.failed_at

-- failures --
SELECT handler, event_seq, error, failed_at FROM event_failure ORDER BY event_seq LIMIT %(limit)s

-- types_after --
-- What kinds of things happened after a place: enough to nudge live pages.
SELECT type, seq, xid::text::bigint AS xid FROM event
 WHERE (xid, seq) > (%(xid)s::text::xid8, %(seq)s)
   AND xid < pg_snapshot_xmin(pg_current_snapshot())
 ORDER BY xid, seq
 LIMIT %(limit)s

-- allow_renumbering --
-- Only a restore may rewrite places; see renumber_away.
ALTER TABLE event DISABLE TRIGGER event_append_only

-- move_cursors --
-- A cursor becomes the number of events it had seen, in commit order.
UPDATE event_cursor c SET xid = '0'::xid8,
  seq = (SELECT count(*) FROM event e WHERE (e.xid, e.seq) <= (c.xid, c.seq))

-- renumber_away --
-- Transaction numbers of another server mean nothing here: commit order becomes plain numbering.
-- Negative first, since numbers are unique at every moment.
UPDATE event e SET xid = '0'::xid8, seq = -ranked.place
  FROM (SELECT id, row_number() OVER (ORDER BY xid, seq) AS place FROM event) ranked
 WHERE ranked.id = e.id

-- renumber_back --
UPDATE event SET seq = -seq

-- next_number --
SELECT setval(pg_get_serial_sequence('event', 'seq'), (SELECT coalesce(max(seq), 0) + 1 FROM event), false)

-- forbid_renumbering --
ALTER TABLE event ENABLE TRIGGER event_append_only
