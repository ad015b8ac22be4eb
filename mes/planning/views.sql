-- silences --
-- When nothing was heard of a line: drawn hatched, never as idle.
SELECT line, greatest(started_at, %(from_at)s) AS from_at, least(coalesce(ended_at, %(now)s), %(to_at)s) AS to_at
  FROM equipment_silence
 WHERE started_at < %(to_at)s AND coalesce(ended_at, %(now)s) > %(from_at)s

-- stops --
SELECT line, greatest(started_at, %(from_at)s) AS from_at, least(coalesce(ended_at, %(now)s), %(to_at)s) AS to_at, reason
  FROM line_stop
 WHERE started_at < %(to_at)s AND coalesce(ended_at, %(now)s) > %(from_at)s

-- store_counts --
-- How many bodies stand in each store now.
SELECT store, count(*)::int AS n FROM body WHERE place = 'store' GROUP BY store

-- store_moves --
-- Bodies that the plan brings into and takes out of each store from now on.
SELECT l.gives_to AS store, p.end_at AS at, 1 AS change
  FROM planned_operation AS p JOIN plant_line AS l ON l.id = p.line
 WHERE p.kind = 'body' AND p.actual_end_at IS NULL AND p.end_at > %(now)s AND p.end_at < %(to_at)s
 UNION ALL
SELECT l.takes_from, p.start_at, -1
  FROM planned_operation AS p JOIN plant_line AS l ON l.id = p.line
 WHERE p.kind = 'body' AND p.actual_start_at IS NULL AND NOT p.started AND l.takes_from IS NOT NULL
   AND p.start_at > %(now)s AND p.start_at < %(to_at)s
 ORDER BY at

-- die_lot --
SELECT line, lot_id, panel, quantity, start_at, end_at, need_by_at, actual_start_at, actual_end_at, frozen
  FROM planned_operation WHERE kind = 'die_lot' AND lot_id = %(lot_id)s
 ORDER BY start_at LIMIT 1

-- orders_of_cars --
-- The orders behind the cars that a plan has no place for.
SELECT number, model, color, promised_at, stage FROM customer_order WHERE number = ANY(%(numbers)s)

-- shifts_of_line --
-- The shifts of a line that the plan looks at, with the cars that begin in them, begun ones too.
SELECT s.shift_id, s.start_at, s.end_at, s.places, s.reserved,
       (SELECT count(*)::int FROM planned_operation AS p
         WHERE p.line = s.line AND p.kind = 'body' AND p.start_at >= s.start_at AND p.start_at < s.end_at) AS planned
  FROM capacity_shift AS s
 WHERE s.line = %(line)s AND s.end_at > %(now)s AND s.start_at < %(until)s AND s.places > 0
 ORDER BY s.start_at LIMIT 21

-- options_by_shift --
-- How many cars with each option start in each shift.
SELECT s.shift_id, given.option, count(*)::int AS n
  FROM capacity_shift AS s
  JOIN planned_operation AS p
    ON p.line = s.line AND p.kind = 'body' AND p.start_at >= s.start_at AND p.start_at < s.end_at
  CROSS JOIN LATERAL unnest(p.options) AS given (option)
 WHERE s.line = %(line)s AND s.end_at > %(now)s AND s.start_at < %(until)s AND s.places > 0
 GROUP BY s.shift_id, given.option
