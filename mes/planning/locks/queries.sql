-- locks --
-- What is locked at a site, by the start that it was locked at.
SELECT id, line, subject_id, order_id, order_number, lot_id, panel, quantity, from_at, to_at, locked_by, locked_at
  FROM plan_lock WHERE site = %(site)s ORDER BY from_at, line, order_number, lot_id

-- to_lock --
-- What the plan in force says of cars on lines whose order planners decide, work that has begun left out.
SELECT line, subject_id, order_id, order_number, lot_id, panel, quantity, start_at
  FROM planned_operation
 WHERE line = ANY(%(lines)s) AND car_id = ANY(%(cars)s) AND order_id IS NOT NULL
   AND actual_start_at IS NULL AND NOT started
 ORDER BY start_at, line

-- lots_to_lock --
-- What the plan in force says of die lots that have not begun.
SELECT line, subject_id, order_id, order_number, lot_id, panel, quantity, start_at
  FROM planned_operation
 WHERE lot_id = ANY(%(lots)s) AND actual_start_at IS NULL AND NOT started
 ORDER BY start_at, line

-- to_lock_between --
-- The same of all that starts on one line between two instants.
SELECT line, subject_id, order_id, order_number, lot_id, panel, quantity, start_at
  FROM planned_operation
 WHERE line = %(line)s AND start_at >= %(from_at)s AND start_at <= %(to_at)s
   AND (order_id IS NOT NULL OR lot_id IS NOT NULL)
   AND actual_start_at IS NULL AND NOT started
 ORDER BY start_at LIMIT %(limit)s

-- lock --
-- The last word on a start counts.
INSERT INTO plan_lock (id, site, line, subject_id, order_id, order_number, lot_id, panel, quantity, from_at, to_at,
                       locked_by, locked_at)
SELECT given.id, %(site)s, given.line, given.subject_id, given.order_id, given.order_number, given.lot_id,
       given.panel, given.quantity, given.from_at, given.to_at, given.locked_by, given.locked_at
  FROM unnest(%(ids)s::uuid[], %(lines)s::text[], %(subject_ids)s::uuid[], %(order_ids)s::uuid[],
              %(order_numbers)s::text[], %(lot_ids)s::text[], %(panels)s::text[], %(quantities)s::int[],
              %(from_ats)s::timestamptz[], %(to_ats)s::timestamptz[], %(locked_by)s::text[],
              %(locked_ats)s::timestamptz[])
       AS given (id, line, subject_id, order_id, order_number, lot_id, panel, quantity, from_at, to_at, locked_by,
                 locked_at)
ON CONFLICT ON CONSTRAINT plan_lock_once DO UPDATE
   SET from_at = excluded.from_at, to_at = excluded.to_at, locked_by = excluded.locked_by,
       locked_at = excluded.locked_at
RETURNING id, line, subject_id, order_id, order_number, lot_id, panel, quantity, from_at, to_at, locked_by, locked_at

-- unlock_elsewhere --
-- A die lot is locked on one press.
DELETE FROM plan_lock AS old
 USING unnest(%(subject_ids)s::uuid[], %(lines)s::text[]) AS given (subject_id, line)
 WHERE old.site = %(site)s AND old.lot_id IS NOT NULL AND old.subject_id = given.subject_id
   AND old.line <> given.line

-- unlock --
DELETE FROM plan_lock WHERE site = %(site)s AND id = ANY(%(ids)s)
RETURNING id, line, subject_id, order_id, order_number, lot_id, panel, quantity, from_at, to_at, locked_by, locked_at

-- forget_begun --
-- A start that is a fact needs no lock, and neither does what has left the plan when its time is over, or what was only
-- not to start before an hour that has come.
DELETE FROM plan_lock AS old
 WHERE EXISTS (SELECT FROM planned_operation AS work
                WHERE work.line = old.line AND work.subject_id = old.subject_id
                  AND (work.started OR work.actual_start_at IS NOT NULL))
    OR old.to_at IS NULL AND old.from_at <= %(now)s
    OR old.to_at < %(now)s
       AND NOT EXISTS (SELECT FROM planned_operation AS work
                        WHERE work.line = old.line AND work.subject_id = old.subject_id)
