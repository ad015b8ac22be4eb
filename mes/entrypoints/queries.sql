-- figures --
-- What a scrape wants to know; each line is cheap (an index or a small table).
SELECT 'events' AS figure, coalesce(max(seq), 0)::float AS value FROM event
UNION ALL SELECT 'handler_lag_events',
  coalesce((SELECT max(seq) FROM event) - (SELECT min(least(seq, (SELECT max(seq) FROM event))) FROM event_cursor), 0)
UNION ALL SELECT 'event_failures', count(*) FROM event_failure
UNION ALL SELECT 'jobs_waiting', count(*) FROM procrastinate_jobs WHERE status = 'todo'
UNION ALL SELECT 'jobs_failed', count(*) FROM procrastinate_jobs WHERE status = 'failed'
UNION ALL SELECT 'records_quarantined', count(*) FROM ingest_quarantine WHERE settled_at IS NULL
UNION ALL SELECT 'batches_lost', coalesce(sum(to_seq - from_seq + 1), 0) FROM ingest_loss

-- progress_counts --
-- One line a figure of the demo's terminal.
SELECT 'orders', count(*) FROM customer_order
UNION ALL SELECT 'planned', count(*) FROM customer_order
  WHERE promised_at IS NOT NULL AND stage NOT IN ('shipped', 'delivered', 'cancelled')
UNION ALL SELECT 'shipped', count(*) FROM customer_order WHERE stage IN ('shipped', 'delivered')
UNION ALL SELECT 'inspections', count(*) FROM inspection
UNION ALL SELECT 'not_ok', count(*) FROM inspection WHERE verdict <> 'OK'
UNION ALL SELECT 'holds_open', count(*) FROM hold WHERE state IN ('open', 'rework')
UNION ALL SELECT 'reworks_done', count(*) FROM rework WHERE state = 'done'
UNION ALL SELECT 'promises', count(*) FROM event WHERE type = 'promise.made'
UNION ALL SELECT 'promises_changed', count(*) FROM event WHERE type = 'promise.changed'

-- progress_bodies --
-- Bodies per line and store, in order of the way through the plant.
SELECT p.id, count(b.id)
  FROM (SELECT id, body_position * 2 AS position FROM plant_line WHERE active AND body_position IS NOT NULL
        UNION ALL
        SELECT gives_to, body_position * 2 + 1 FROM plant_line WHERE active AND body_position IS NOT NULL) p
  LEFT JOIN body b ON b.line = p.id OR b.store = p.id
 GROUP BY p.id, p.position ORDER BY p.position

-- has_plant --
-- Whether a plant model is in force.
SELECT EXISTS (SELECT FROM plant_version WHERE active)

-- last_sign_of_life --
-- The last real instant at which this plant is known to have run; nothing for one that never did.
SELECT greatest((SELECT max(heard_at) FROM agent),
                (SELECT recorded_at FROM event ORDER BY seq DESC LIMIT 1)) AS last_at

-- connected_lines --
-- Lines whose agent has said after `since` that it is connected to its PLC.
SELECT line FROM agent WHERE link_connected AND heard_at >= %(since)s
