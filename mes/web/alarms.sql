-- lost_agents --
-- Agents nothing is heard of, and agents that do not reach their line; real times.
SELECT l.id AS line, a.lost, a.link_connected, a.link_detail, a.seen_at, a.heard_at
  FROM plant_line AS l JOIN agent AS a ON a.line = l.id
 WHERE l.active AND a.epoch > 0 AND (a.lost OR a.link_connected IS FALSE)
 ORDER BY l.position

-- never_enrolled --
-- Lines without an agent: whatever happens there is unknown.
SELECT l.id AS line FROM plant_line AS l LEFT JOIN agent AS a ON a.line = l.id
 WHERE l.active AND coalesce(a.epoch, 0) = 0 ORDER BY l.position

-- configurations --
-- Configurations that agents took back because their lines fell silent under them; real times.
SELECT l.id AS line, a.config_version AS newest, (a.heartbeat->>'config_version')::int AS runs,
       a.heartbeat->'refused_config'->>'reason' AS reason, a.heard_at
  FROM plant_line AS l JOIN agent AS a ON a.line = l.id
 WHERE l.active AND a.heartbeat->'refused_config'->>'version' IS NOT NULL ORDER BY l.position

-- quarantine --
-- Batches and records that could not be taken, by line and reason; real times.
SELECT line, reason_code, count(*)::int AS n, min(arrived_at) AS first_at, max(arrived_at) AS last_at,
       (array_agg(reason ORDER BY arrived_at DESC))[1] AS reason
  FROM ingest_quarantine WHERE settled_at IS NULL
 GROUP BY line, reason_code ORDER BY last_at DESC

-- mismatches --
SELECT m.line, m.station, m.read_at, r.number AS read_number, e.number AS expected_number
  FROM reading_mismatch AS m
  LEFT JOIN body AS r ON r.id = m.read_body_id
  LEFT JOIN body AS e ON e.id = m.expected_body_id
 WHERE m.answer IS NULL ORDER BY m.read_at

-- calls --
SELECT line, station, reason, called_at, called_by FROM andon_call WHERE cleared_at IS NULL ORDER BY called_at

-- stops --
SELECT line, station, started_at, reason FROM line_stop WHERE ended_at IS NULL ORDER BY started_at

-- machines --
-- What the machines of a line raise that is active or waits for somebody, and that nobody has shelved, by line; plant times.
SELECT a.line, count(*)::int AS n, max(a.severity) AS severity, min(a.began_at) AS since,
       (array_agg(a.message ORDER BY a.severity DESC, a.began_at DESC))[1] AS message,
       (array_agg(a.station ORDER BY a.severity DESC, a.began_at DESC))[1] AS station
  FROM line_alarm AS a JOIN plant_line AS l ON l.id = a.line AND l.active
 WHERE (a.ended_at IS NULL OR a.retain) AND a.shelved IS NOT TRUE
 GROUP BY a.line ORDER BY max(a.severity) DESC, a.line

-- failures --
-- Events that a handler gave up on; real times.
SELECT f.handler, count(*)::int AS n, max(f.failed_at) AS failed_at,
       (array_agg(e.id ORDER BY f.failed_at DESC))[1] AS event_id
  FROM event_failure AS f JOIN event AS e ON e.seq = f.event_seq
 GROUP BY f.handler ORDER BY failed_at DESC

-- plan_failures --
-- Plans that were not found, or found and not allowed, since the plan in force was published.
SELECT p.id, p.number, p.failure, p.created_at FROM plan AS p
 WHERE p.state = 'failed'
   AND p.number > coalesce((SELECT max(number) FROM plan WHERE state = 'published'), 0)
 ORDER BY p.number DESC LIMIT 5

-- unplaced --
SELECT id, number, jsonb_array_length(unplaced) AS n, published_at FROM plan
 WHERE state = 'published' AND jsonb_array_length(unplaced) > 0

-- drifts --
-- Cameras that no longer see or judge as they did; plant times.
SELECT camera, measure, distance, most, raised_at, confirmed_by, comment FROM drift_alarm
 WHERE ended_at IS NULL ORDER BY confirmed_at IS NOT NULL, raised_at

-- tokens --
-- Tokens of machines that end soon or have ended in the last days without a newer one of that name; real times.
SELECT t.name, max(t.expires_at) AS expires_at FROM api_token AS t
 WHERE t.revoked_at IS NULL
 GROUP BY t.name
HAVING max(t.expires_at) < %(real_soon)s AND max(t.expires_at) > %(real_past)s
 ORDER BY expires_at

-- quotes --
-- Quotes whose place is given up soon; plant time.
SELECT number, expires_at FROM quote
 WHERE state = 'held' AND expires_at > %(now)s AND expires_at < %(soon)s ORDER BY expires_at LIMIT 20

-- reviews --
-- Holds that the plant decides by itself soon, because nobody looked; plant time.
SELECT h.id, coalesce(b.number, h.rack) AS subject, h.line, r.review_by_at
  FROM hold AS h JOIN rework AS r ON r.hold_id = h.id
  LEFT JOIN body AS b ON b.id = h.body_id
 WHERE h.state = 'open' AND r.state = 'provisional' AND r.review_by_at < %(soon)s
 ORDER BY r.review_by_at LIMIT 20

-- strays --
-- Values outside every daily partition.
SELECT count(*)::int FROM (SELECT 1 FROM telemetry_default LIMIT 1000) AS counted
