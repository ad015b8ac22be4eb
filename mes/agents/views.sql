-- agents --
-- Every line with its agent, if it has one; real times.
SELECT l.id AS line, a.id, a.epoch, a.config_version, a.lost, a.seen_at, a.heard_at, a.link_connected, a.link_detail,
       a.heartbeat, (SELECT max(e.issued_at) FROM agent_epoch AS e WHERE e.agent_id = a.id) AS epoch_at,
       (SELECT count(*) FROM agent_command AS c WHERE c.line = l.id AND c.done_at IS NULL)::int AS open_commands
  FROM plant_line AS l LEFT JOIN agent AS a ON a.line = l.id
 WHERE l.active
 ORDER BY l.position

-- quarantine --
SELECT id, line, epoch, stream, seq, record_no, reason_code, reason, arrived_at
  FROM ingest_quarantine WHERE settled_at IS NULL ORDER BY arrived_at DESC LIMIT %(limit)s

-- gaps --
SELECT line, cause, count(*)::int AS n, max(to_at) AS newest
  FROM telemetry_gap GROUP BY line, cause ORDER BY newest DESC LIMIT 20

-- failures --
SELECT f.handler, f.event_seq, f.error, f.failed_at, e.id AS event_id, e.type
  FROM event_failure AS f JOIN event AS e ON e.seq = f.event_seq ORDER BY f.failed_at DESC LIMIT %(limit)s

-- handlers --
-- How far each subscription is behind the newest event.
SELECT c.handler, c.seq, greatest(0, (SELECT max(seq) FROM event) - c.seq)::bigint AS behind
  FROM event_cursor AS c ORDER BY behind DESC, c.handler

-- schema --
SELECT version_num FROM alembic_version

-- sizes --
SELECT pg_database_size(current_database())::bigint AS database_bytes,
       (SELECT count(*) FROM event)::bigint AS events,
       (SELECT coalesce(sum(bytes), 0) FROM inspection_image)::bigint AS image_bytes
