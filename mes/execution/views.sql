-- states --
-- Every station and line as it last spoke; whether the line is silent.
SELECT s.line, s.station, s.state, s.reason, s.since_at, silence.started_at AS silent_since
  FROM equipment_state AS s
  LEFT JOIN equipment_silence AS silence ON silence.line = s.line AND silence.ended_at IS NULL

-- data_ages --
-- When data of each line last arrived, real time.
SELECT line, heard_at FROM agent

-- silent_lines --
SELECT line, started_at FROM equipment_silence WHERE ended_at IS NULL

-- bodies_in_process --
SELECT b.id, b.number, b.model, b.color, b.place, b.line, b.station, b.store, b.bay, b.lane, b.condition, b.line_hold,
       b.since_at, o.number AS order_number, o.promised_at
  FROM body AS b JOIN customer_order AS o ON o.id = b.order_id
 WHERE b.place IN ('line', 'bay', 'store')
 ORDER BY b.since_at, b.number

-- die_lots_running --
SELECT DISTINCT ON (line) line, panel, quantity, good, scrap, started_at
  FROM line_job WHERE kind = 'die_lot' AND state = 'Running'
 ORDER BY line, started_at DESC

-- panel_stock --
-- Panels in racks, what is free and what is held, by panel.
SELECT panel, sum(remaining)::int AS remaining, count(*)::int AS racks,
       coalesce(sum(remaining) FILTER (WHERE held), 0)::int AS held
  FROM rack WHERE scrapped_at IS NULL AND remaining > 0
 GROUP BY panel

-- open_mismatches --
SELECT m.line, m.station, m.read_at, m.answer, m.answered_by, r.number AS read_number, r.color AS read_color,
       e.number AS expected_number, e.color AS expected_color
  FROM reading_mismatch AS m
  LEFT JOIN body AS r ON r.id = m.read_body_id
  LEFT JOIN body AS e ON e.id = m.expected_body_id
 WHERE m.done_at IS NULL
 ORDER BY m.read_at

-- open_andons --
SELECT line, station, reason, called_by, called_at FROM andon_call WHERE cleared_at IS NULL ORDER BY called_at

-- store_counts_over_time --
-- What went into and out of a body store in the last hours, newest first: the fill curve is walked back from now.
SELECT e.plant_at AS at, 1 AS change FROM event AS e
 WHERE e.type = 'body.left' AND e.plant_at >= %(since)s AND e.payload ->> 'store' = %(store)s
 UNION ALL
SELECT e.plant_at, -1 FROM event AS e JOIN plant_line AS l ON l.id = e.payload ->> 'line'
 WHERE e.type = 'body.entered' AND e.plant_at >= %(since)s AND l.takes_from = %(store)s
 ORDER BY at DESC

-- body_at_station --
SELECT b.id, b.number, b.vin, b.model, b.color, b.condition, b.line_hold, b.since_at, b.order_id,
       o.number AS order_number, o.options
  FROM body AS b JOIN customer_order AS o ON o.id = b.order_id
 WHERE b.place = 'line' AND b.station = %(station)s
 ORDER BY b.since_at DESC
 LIMIT 1

-- body_before --
-- The last body a station finished: what to fit is told as a difference to it.
SELECT b.number, b.model, b.color, o.options, o.id AS order_id
  FROM operation AS op JOIN body AS b ON b.id = op.body_id JOIN customer_order AS o ON o.id = b.order_id
 WHERE op.line = %(line)s AND op.station = %(station)s AND op.body_id <> %(body_id)s
 ORDER BY op.ended_at DESC
 LIMIT 1

-- bodies_upstream --
-- Who comes next to a station: bodies on the line before it, nearest first.
SELECT b.number, b.model, b.color, b.station, o.number AS order_number
  FROM body AS b
  JOIN customer_order AS o ON o.id = b.order_id
  JOIN plant_station AS s ON s.id = b.station
 WHERE b.place = 'line' AND b.line = %(line)s
   AND s.position < (SELECT position FROM plant_station WHERE id = %(station)s)
 ORDER BY s.position DESC, b.since_at
 LIMIT %(limit)s

-- next_by_plan --
-- Who comes onto the line next by the plan, when nobody is before the station.
SELECT p.order_number, p.body_number AS number, p.model, p.color, p.start_at
  FROM planned_operation AS p
 WHERE p.line = %(line)s AND p.kind = 'body' AND p.actual_start_at IS NULL AND NOT p.started
 ORDER BY p.start_at, p.sequence
 LIMIT %(limit)s

-- parts_to_fit --
SELECT family, part_number, name_en, name_zh, quantity, unit
  FROM order_bom WHERE order_id = %(order_id)s AND station = %(station)s
 ORDER BY family

-- done_at_station --
SELECT state FROM operation WHERE body_id = %(body_id)s AND station = %(station)s ORDER BY ended_at DESC LIMIT 1

-- shift_count --
-- How many bodies a station finished since the shift began.
SELECT count(*)::int FROM operation WHERE line = %(line)s AND station = %(station)s AND ended_at >= %(since)s

-- shift_now --
SELECT start_at, end_at, name_en, name_zh FROM work_shift
 WHERE calendar = %(calendar)s AND start_at <= %(now)s AND end_at > %(now)s
 ORDER BY start_at DESC LIMIT 1
