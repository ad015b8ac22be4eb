-- orders --
-- A page of orders under filters that may be empty; the newest first, or the latest against the promise.
SELECT o.number, o.channel, o.external_id, o.customer, o.model, o.color, o.options, o.stage, o.stage_at,
       o.body_number, o.vin, o.requested_at, o.promised_at, o.promise_confidence, o.created_at,
       plan.finish_at, b.place, b.line, b.station, b.store, b.bay, b.condition,
       (o.promised_at IS NOT NULL AND o.stage IN ('confirmed', 'reconfigured', 'locked', 'in_production', 'held')
        AND (o.promised_at < %(now)s OR coalesce(plan.finish_at > o.promised_at, false))) AS late
  FROM customer_order AS o
  LEFT JOIN LATERAL (SELECT max(p.finish_at) AS finish_at FROM planned_operation AS p
                      WHERE p.order_id = o.id) AS plan ON true
  LEFT JOIN body AS b ON b.id = o.body_id
 WHERE (%(stage)s::text IS NULL OR o.stage = %(stage)s)
   AND (%(model)s::text IS NULL OR o.model = %(model)s)
   AND (%(color)s::text IS NULL OR o.color = %(color)s)
   AND (%(channel)s::text IS NULL OR o.channel = %(channel)s)
   AND (%(search)s::text IS NULL
        OR concat_ws(' ', o.number, o.body_number, o.vin, o.external_id, o.customer) ILIKE %(search)s)
   AND (NOT %(late)s
        OR (o.promised_at IS NOT NULL AND o.stage IN ('confirmed', 'reconfigured', 'locked', 'in_production', 'held')
            AND (o.promised_at < %(now)s OR plan.finish_at > o.promised_at)))
 ORDER BY CASE WHEN %(late)s THEN o.promised_at END, o.number DESC
 LIMIT %(limit)s OFFSET %(offset)s

-- orders_count --
SELECT count(*)::int
  FROM customer_order AS o
  LEFT JOIN LATERAL (SELECT max(p.finish_at) AS finish_at FROM planned_operation AS p
                      WHERE p.order_id = o.id) AS plan ON %(late)s
 WHERE (%(stage)s::text IS NULL OR o.stage = %(stage)s)
   AND (%(model)s::text IS NULL OR o.model = %(model)s)
   AND (%(color)s::text IS NULL OR o.color = %(color)s)
   AND (%(channel)s::text IS NULL OR o.channel = %(channel)s)
   AND (%(search)s::text IS NULL
        OR concat_ws(' ', o.number, o.body_number, o.vin, o.external_id, o.customer) ILIKE %(search)s)
   AND (NOT %(late)s
        OR (o.promised_at IS NOT NULL AND o.stage IN ('confirmed', 'reconfigured', 'locked', 'in_production', 'held')
            AND (o.promised_at < %(now)s OR plan.finish_at > o.promised_at)))

-- channels --
SELECT DISTINCT channel FROM customer_order ORDER BY channel

-- bodies --
-- Every body built for an order: a scrapped one and its successor both stay.
SELECT ob.number, ob.created_at, ob.scrapped_at, b.id, b.place, b.line, b.station, b.store, b.bay, b.condition,
       b.since_at
  FROM order_body AS ob LEFT JOIN body AS b ON b.id = ob.body_id
 WHERE ob.order_id = %(order_id)s
 ORDER BY ob.created_at

-- way --
-- The body's way line by line: what the plan says and what really happened.
SELECT l.id AS line, l.shop, p.start_at AS planned_start, p.end_at AS planned_end, p.need_by_at,
       j.started_at, j.ended_at, j.state AS job_state
  FROM plant_line AS l
  LEFT JOIN planned_operation AS p ON p.line = l.id AND p.order_id = %(order_id)s AND p.kind = 'body'
  LEFT JOIN LATERAL (SELECT lj.started_at, lj.ended_at, lj.state FROM line_job AS lj
                      WHERE lj.line = l.id AND lj.body_id = %(body_id)s AND lj.kind = 'body'
                      ORDER BY lj.started_at DESC NULLS LAST LIMIT 1) AS j ON true
 WHERE l.active AND l.body_position IS NOT NULL
 ORDER BY l.body_position

-- built_in --
SELECT line, station, material, lot, serial, quantity, built_at
  FROM built_in WHERE body_id = %(body_id)s ORDER BY built_at, line, seq, item

-- pictures --
SELECT id, line, station, camera, verdict, score, threshold, defect_kind, review, triggered_at
  FROM inspection WHERE body_id = %(body_id)s ORDER BY triggered_at DESC

-- history --
-- Everything that happened to an order and its bodies, newest first.
SELECT seq, id, type, actor, plant_at, causation_id, correlation_id, payload
  FROM event
 WHERE subject = ANY(%(subjects)s) OR correlation_id = %(order_id)s
 ORDER BY seq DESC
 LIMIT %(limit)s
