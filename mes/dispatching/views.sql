-- standing --
-- What may leave a store of bodies, first in first, and when the plan in force has it on the line behind.
-- One statement: the store's controller waits for it.
SELECT body.id, body.number, body.lane, planned.start_at, planned.sequence
  FROM body
  LEFT JOIN planned_operation AS planned
    ON planned.line = %(line)s AND planned.subject_id = body.order_id
 WHERE body.place = 'store' AND body.store = %(store)s
   AND NOT body.line_hold AND body.condition <> 'scrap'
   AND NOT EXISTS (SELECT FROM hold WHERE hold.body_id = body.id AND hold.closed_at IS NULL)
 ORDER BY body.since_at, body.number
