-- add_hold --
-- One hold an inspection and body, one open hold a rack; the same again places none.
INSERT INTO hold (id, body_id, rack, order_id, line, inspection_id, cause, defect_kind, risk, state,
                  placed_at, last_event_id)
VALUES (%(id)s, %(body_id)s, %(rack)s, %(order_id)s, %(line)s, %(inspection_id)s, %(cause)s,
        %(defect_kind)s, %(risk)s, 'open', %(placed_at)s, %(last_event_id)s)
ON CONFLICT DO NOTHING

-- hold --
SELECT id, body_id, rack, order_id, line, inspection_id, cause, defect_kind, risk, placed_at,
       last_event_id, state, disposition, reason, defect_code, reviewer, decided_at, closed_at,
       row_version
  FROM hold WHERE id = %(id)s

-- hold_for_change --
SELECT id, body_id, rack, order_id, line, inspection_id, cause, defect_kind, risk, placed_at,
       last_event_id, state, disposition, reason, defect_code, reviewer, decided_at, closed_at,
       row_version
  FROM hold WHERE id = %(id)s FOR UPDATE

-- holds_of_body --
-- In order of placing: how the body stands follows from all of them.
SELECT id, body_id, rack, order_id, line, inspection_id, cause, defect_kind, risk, placed_at,
       last_event_id, state, disposition, reason, defect_code, reviewer, decided_at, closed_at,
       row_version
  FROM hold WHERE body_id = %(body_id)s ORDER BY placed_at, id

-- holds_of_inspections --
-- The hold that each of some pictures led to.
SELECT DISTINCT ON (inspection_id) id, body_id, rack, order_id, line, inspection_id, cause, defect_kind, risk,
       placed_at, last_event_id, state, disposition, reason, defect_code, reviewer, decided_at, closed_at,
       row_version
  FROM hold WHERE inspection_id = ANY(%(ids)s) ORDER BY inspection_id, placed_at DESC

-- not_closed --
-- What waits for a decision or for its repair, oldest first.
SELECT id, body_id, rack, order_id, line, inspection_id, cause, defect_kind, risk, placed_at,
       last_event_id, state, disposition, reason, defect_code, reviewer, decided_at, closed_at,
       row_version
  FROM hold WHERE closed_at IS NULL ORDER BY placed_at, id

-- newest --
SELECT id, body_id, rack, order_id, line, inspection_id, cause, defect_kind, risk, placed_at,
       last_event_id, state, disposition, reason, defect_code, reviewer, decided_at, closed_at,
       row_version
  FROM hold ORDER BY placed_at DESC, id LIMIT %(limit)s

-- save_hold --
UPDATE hold
   SET state = %(state)s, disposition = %(disposition)s, reason = %(reason)s,
       defect_code = %(defect_code)s, reviewer = %(reviewer)s, decided_at = %(decided_at)s,
       closed_at = %(closed_at)s, last_event_id = %(last_event_id)s, row_version = row_version + 1
 WHERE id = %(id)s

-- extend_chain --
UPDATE hold SET last_event_id = %(event_id)s WHERE id = %(id)s

-- add_rework --
INSERT INTO rework (id, hold_id, body_id, line, bay, defect_kind, work_s, state, opened_at, review_by_at)
VALUES (%(id)s, %(hold_id)s, %(body_id)s, %(line)s, %(bay)s, %(defect_kind)s, %(work_s)s,
        'provisional', %(opened_at)s, %(review_by_at)s)

-- save_rework --
UPDATE rework SET state = %(state)s, by_policy = %(by_policy)s, closed_at = %(closed_at)s
 WHERE id = %(id)s

-- rework --
SELECT id, hold_id, body_id, line, bay, defect_kind, work_s, opened_at, review_by_at, state, by_policy,
       closed_at
  FROM rework WHERE id = %(id)s

-- rework_of_hold --
-- The one that is assumed or to be done.
SELECT id, hold_id, body_id, line, bay, defect_kind, work_s, opened_at, review_by_at, state, by_policy,
       closed_at
  FROM rework WHERE hold_id = %(hold_id)s AND state IN ('provisional', 'confirmed')

-- alive_reworks --
SELECT id, hold_id, body_id, line, bay, defect_kind, work_s, opened_at, review_by_at, state, by_policy,
       closed_at
  FROM rework WHERE state IN ('provisional', 'confirmed') ORDER BY opened_at, id

-- confirmed_reworks --
-- What a body is to be repaired for, in order of opening.
SELECT id, hold_id, body_id, line, bay, defect_kind, work_s, opened_at, review_by_at, state, by_policy,
       closed_at
  FROM rework WHERE body_id = %(body_id)s AND state = 'confirmed' ORDER BY opened_at, id

-- unreviewed --
-- Provisional reworks whose time for a person's verdict is over.
SELECT id, hold_id, body_id, line, bay, defect_kind, work_s, opened_at, review_by_at, state, by_policy,
       closed_at
  FROM rework WHERE state = 'provisional' AND review_by_at <= %(now)s ORDER BY review_by_at

-- note_undone --
INSERT INTO disposition_undone (hold_id, decided_at, disposition, reviewer, undone_by, undone_at)
VALUES (%(hold_id)s, %(decided_at)s, %(disposition)s, %(reviewer)s, %(undone_by)s, %(undone_at)s)
ON CONFLICT (hold_id, decided_at) DO NOTHING

-- next_number --
SELECT nextval('nonconformance_number_seq')

-- add_nonconformance --
INSERT INTO nonconformance (id, number, title, state, opened_by, opened_at)
VALUES (%(id)s, %(number)s, %(title)s, 'open', %(opened_by)s, %(opened_at)s)

-- add_items --
INSERT INTO nonconformance_item (nonconformance_id, hold_id)
SELECT %(id)s, hold_id FROM unnest(%(hold_ids)s::uuid[]) AS given (hold_id)

-- nonconformance --
SELECT id, number, title, state, opened_by, opened_at, closed_by, closed_at, row_version
  FROM nonconformance WHERE id = %(id)s

-- nonconformances --
SELECT id, number, title, state, opened_by, opened_at, closed_by, closed_at, row_version
  FROM nonconformance ORDER BY opened_at DESC, number DESC LIMIT %(limit)s

-- nonconformance_for_change --
SELECT id, number, title, state, opened_by, opened_at, closed_by, closed_at, row_version
  FROM nonconformance WHERE id = %(id)s FOR UPDATE

-- items --
-- The containment list: each item is a hold with its own disposition.
SELECT hold.id, body_id, rack, order_id, line, inspection_id, cause, defect_kind, risk, placed_at,
       last_event_id, state, disposition, reason, defect_code, reviewer, decided_at, closed_at,
       row_version
  FROM nonconformance_item JOIN hold ON hold.id = hold_id
 WHERE nonconformance_id = %(id)s ORDER BY placed_at, hold.id

-- close_nonconformance --
UPDATE nonconformance
   SET state = 'closed', closed_by = %(closed_by)s, closed_at = %(closed_at)s,
       row_version = row_version + 1
 WHERE id = %(id)s
