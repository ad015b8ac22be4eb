-- receive_racks --
-- A rack that was held before it was full keeps its hold.
INSERT INTO rack (id, panel, line, job_order_id, quantity, remaining, held, received_at)
SELECT id, panel, line, job_order_id, quantity, quantity, held, received_at
  FROM unnest(%(ids)s::text[], %(panels)s::text[], %(lines)s::text[], %(job_order_ids)s::uuid[],
              %(quantities)s::integer[], %(helds)s::boolean[], %(received_ats)s::timestamptz[])
       AS given (id, panel, line, job_order_id, quantity, held, received_at)
ON CONFLICT (id) DO UPDATE
   SET panel = excluded.panel, line = excluded.line, job_order_id = excluded.job_order_id,
       quantity = excluded.quantity, remaining = greatest(excluded.quantity - rack.overdrawn, 0),
       overdrawn = greatest(rack.overdrawn - excluded.quantity, 0),
       held = rack.held OR excluded.held, received_at = excluded.received_at
 WHERE rack.received_at IS NULL

-- take --
-- Framing took panels; what goes beyond the rack's content is counted apart.
UPDATE rack
   SET remaining = greatest(rack.remaining - given.quantity, 0),
       overdrawn = rack.overdrawn + greatest(given.quantity - rack.remaining, 0)
  FROM unnest(%(ids)s::text[], %(quantities)s::integer[]) AS given (id, quantity)
 WHERE rack.id = given.id
RETURNING rack.id

-- note_unreceived --
-- A rack that is used or held before its receipt was reported.
INSERT INTO rack (id, panel, line, quantity, remaining, overdrawn, held)
VALUES (%(id)s, %(panel)s, %(line)s, 0, 0, %(overdrawn)s, %(held)s)
ON CONFLICT (id) DO UPDATE
   SET held = rack.held OR excluded.held,
       remaining = greatest(rack.remaining - excluded.overdrawn, 0),
       overdrawn = rack.overdrawn + greatest(excluded.overdrawn - rack.remaining, 0)

-- rack --
SELECT id, panel, line, job_order_id, quantity, remaining, overdrawn, held, scrapped_at, received_at
  FROM rack WHERE id = %(id)s

-- racks_from --
-- The newest racks of a panel from a press line; one that is being filled comes first.
SELECT id, panel, line, job_order_id, quantity, remaining, overdrawn, held, scrapped_at, received_at
  FROM rack
 WHERE line = %(line)s AND panel = %(panel)s AND scrapped_at IS NULL
 ORDER BY received_at DESC NULLS FIRST, id DESC LIMIT %(limit)s

-- racks_in_stock --
-- First in, first out, as framing takes them.
SELECT id, panel, line, job_order_id, quantity, remaining, overdrawn, held, scrapped_at, received_at
  FROM rack WHERE remaining > 0 AND scrapped_at IS NULL
 ORDER BY panel, received_at, id

-- panel_stock --
SELECT panel, coalesce(sum(remaining) FILTER (WHERE NOT held), 0)::integer AS usable,
       coalesce(sum(remaining) FILTER (WHERE held), 0)::integer AS held, count(*)::integer AS racks
  FROM rack WHERE remaining > 0 AND scrapped_at IS NULL
 GROUP BY panel ORDER BY panel

-- set_held --
UPDATE rack SET held = %(held)s WHERE id = %(id)s

-- scrap --
UPDATE rack SET held = true, scrapped_at = %(at)s WHERE id = %(id)s AND scrapped_at IS NULL
