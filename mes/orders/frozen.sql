-- add_bom --
-- Freezes the bill of material of one car onto its order.
INSERT INTO order_bom (order_id, part_number, family, name_en, name_zh, quantity, unit, line, station)
SELECT order_id, part_number, family, name_en, name_zh, quantity, unit, line, station
  FROM jsonb_to_recordset(%(items)s::jsonb) AS i (
         order_id uuid, part_number text, family text, name_en text, name_zh text,
         quantity numeric, unit text, line text, station text)

-- bom --
-- The frozen bill of material of an order, by place of fitting.
SELECT part_number, family, name_en, name_zh, quantity, unit, line, station
  FROM order_bom WHERE order_id = %(order_id)s ORDER BY line NULLS LAST, station, part_number

-- boms --
-- The frozen BOMs of many orders.
SELECT order_id, part_number, family, name_en, name_zh, quantity, unit, line, station
  FROM order_bom WHERE order_id = ANY(%(order_ids)s) ORDER BY order_id, line, station, part_number

-- add_routing --
-- Freezes the routing onto orders.
INSERT INTO order_routing (order_id, position, line, step, stations, work_s)
SELECT order_id, position, line, step, stations, work_s
  FROM jsonb_to_recordset(%(steps)s::jsonb) AS s (
         order_id uuid, position integer, line text, step text, stations text[],
         work_s double precision)

-- routing --
-- The frozen routing of an order.
SELECT position, line, step, stations, work_s
  FROM order_routing WHERE order_id = %(order_id)s ORDER BY position
