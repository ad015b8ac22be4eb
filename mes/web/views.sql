-- at_risk --
-- Cars that are, or by the plan will be, finished after their promise; the latest first.
SELECT o.number, o.body_number, o.model, o.color, o.stage, o.promised_at, plan.finish_at,
       extract(epoch FROM greatest(coalesce(plan.finish_at, %(now)s), %(now)s) - o.promised_at)::float AS late_s
  FROM customer_order AS o
  LEFT JOIN LATERAL (SELECT max(p.finish_at) AS finish_at FROM planned_operation AS p
                      WHERE p.order_id = o.id) AS plan ON true
 WHERE o.promised_at IS NOT NULL
   AND o.stage IN ('confirmed', 'reconfigured', 'locked', 'in_production', 'held')
   AND (o.promised_at < %(now)s OR plan.finish_at > o.promised_at)
 ORDER BY late_s DESC
 LIMIT %(limit)s

-- at_risk_count --
SELECT count(*)::int
  FROM customer_order AS o
 WHERE o.promised_at IS NOT NULL
   AND o.stage IN ('confirmed', 'reconfigured', 'locked', 'in_production', 'held')
   AND (o.promised_at < %(now)s
        OR (SELECT max(p.finish_at) FROM planned_operation AS p WHERE p.order_id = o.id) > o.promised_at)

-- undecided_holds --
-- Held bodies and racks nobody has decided about; the riskiest first.
SELECT h.id, coalesce(b.number, h.rack) AS subject, h.line, h.cause, h.defect_kind, h.risk, h.placed_at,
       o.number AS order_number
  FROM hold AS h
  LEFT JOIN body AS b ON b.id = h.body_id
  LEFT JOIN customer_order AS o ON o.id = h.order_id
 WHERE h.state = 'open'
 ORDER BY h.risk DESC, h.placed_at
 LIMIT %(limit)s

-- line_states --
-- Each line: silent, down, or as it last said; since when, and why.
SELECT l.id, l.shop, st.state, st.reason, st.since_at, st.heard_at, silence.started_at AS silent_since,
       stop.started_at AS down_since, stop.station AS down_station, stop.reason AS down_reason
  FROM plant_line AS l
  LEFT JOIN equipment_state AS st ON st.line = l.id AND st.station = ''
  LEFT JOIN equipment_silence AS silence ON silence.line = l.id AND silence.ended_at IS NULL
  LEFT JOIN line_stop AS stop ON stop.line = l.id AND stop.ended_at IS NULL
 WHERE l.active
 ORDER BY l.position

-- asking --
-- Lines that stand and ask a person: bodies not expected, and calls for help.
SELECT 'mismatch' AS kind, line, station, read_at AS since_at, '' AS reason
  FROM reading_mismatch WHERE answer IS NULL
 UNION ALL
SELECT 'andon', line, station, called_at, reason FROM andon_call WHERE cleared_at IS NULL
 ORDER BY since_at

-- plan_in_force --
SELECT id, number, published_at, published_by, automatic, note, kpis, jsonb_array_length(unplaced) AS unplaced
  FROM plan WHERE state = 'published'

-- newest_draft --
SELECT id, number, created_at, state FROM plan WHERE state IN ('draft', 'solving') ORDER BY number DESC LIMIT 1

-- waiting_proposal --
-- The repair that is more than what may happen by itself.
SELECT id, cause, created_at, (difference ->> 'cars_moved')::integer AS cars_moved,
       (difference ->> 'promises_later')::integer AS promises_later
  FROM plan_proposal WHERE state = 'open'

-- changes_since --
-- What planners want to know of the time since the plan was published.
SELECT seq, id, type, actor, plant_at, causation_id, correlation_id, payload,
       coalesce((SELECT number FROM customer_order AS o
                  WHERE o.id::text = coalesce(event.payload ->> 'order_id', event.correlation_id::text)), '') AS about
  FROM event
 WHERE type IN ('order.created', 'order.cancelled', 'promise.changed', 'plan.slot_missed', 'plan.slot_restored',
                'plan.failed', 'hold.placed', 'hold.released', 'body.scrapped', 'line.down', 'line.up',
                'agent.lost', 'agent.back', 'agent.certificate_ends', 'andon.called')
   AND plant_at >= %(since)s
 ORDER BY seq DESC
 LIMIT %(limit)s

-- change_counts --
SELECT type, count(*)::int AS n FROM event
 WHERE type IN ('order.created', 'promise.changed', 'hold.placed', 'body.scrapped', 'line.down', 'agent.lost')
   AND plant_at >= %(since)s
 GROUP BY type

-- today --
-- Figures of a stretch of plant time: cars finished and shipped, pictures judged and refused.
SELECT (SELECT count(*) FROM event WHERE type = 'order.stage_reached' AND plant_at >= %(since)s
           AND payload ->> 'stage' = 'line_off')::int AS line_off,
       (SELECT count(*) FROM inspection WHERE triggered_at >= %(since)s)::int AS judged,
       (SELECT count(*) FROM inspection WHERE triggered_at >= %(since)s AND verdict = 'NOK')::int AS refused,
       (SELECT count(*) FROM body WHERE place IN ('line', 'bay', 'store'))::int AS in_process,
       (SELECT count(*) FROM customer_order WHERE stage IN ('confirmed', 'reconfigured', 'locked', 'in_production'))::int AS open_orders

-- quarantined --
SELECT count(*)::int FROM ingest_quarantine WHERE settled_at IS NULL

-- event --
SELECT seq, id, type, actor, plant_at, causation_id, correlation_id, payload FROM event WHERE id = %(id)s

-- causes --
-- The chain from the first cause to an event, by what led to what.
WITH RECURSIVE chain AS (
  SELECT seq, id, type, actor, plant_at, causation_id, correlation_id, payload, 0 AS depth
    FROM event WHERE id = %(id)s
   UNION ALL
  SELECT e.seq, e.id, e.type, e.actor, e.plant_at, e.causation_id, e.correlation_id, e.payload, c.depth + 1
    FROM event AS e JOIN chain AS c ON e.id = c.causation_id
   WHERE c.depth < 50)
SELECT seq, id, type, actor, plant_at, causation_id, correlation_id, payload FROM chain ORDER BY depth DESC

-- effects --
SELECT seq, id, type, actor, plant_at, causation_id, correlation_id, payload
  FROM event WHERE causation_id = %(id)s ORDER BY seq LIMIT 100

-- subject_of_event --
-- Where to look further: the order and the body an event is about.
SELECT o.number AS order_number, b.number AS body_number, b.id AS body_id
  FROM event AS e
  LEFT JOIN body AS b ON b.id::text = coalesce(e.payload ->> 'body_id', e.payload ->> 'read_body_id')
  LEFT JOIN customer_order AS o
    ON o.id::text = coalesce(e.payload ->> 'order_id', b.order_id::text, e.correlation_id::text)
 WHERE e.id = %(id)s
