-- ensure --
-- A line has one agent, whether it has been enrolled or not.
INSERT INTO agent (id, line) VALUES (%(id)s, %(line)s) ON CONFLICT (line) DO NOTHING

-- by_line_for_update --
SELECT id, line, epoch, config_version, config_digest, lost, seen_at, heard_at, link_connected, link_detail
  FROM agent WHERE line = %(line)s FOR UPDATE

-- by_id_for_update --
SELECT id, line, epoch, config_version, config_digest, lost, seen_at, heard_at, link_connected, link_detail
  FROM agent WHERE id = %(id)s FOR UPDATE

-- configured --
-- Agents that have been given a configuration.
SELECT id, line, epoch, config_version, config_digest, lost, seen_at, heard_at, link_connected, link_detail
  FROM agent WHERE config_digest <> '' ORDER BY line FOR UPDATE SKIP LOCKED

-- add_code --
INSERT INTO agent_code (code_hash, agent_id, issued_at, expires_at)
VALUES (%(code_hash)s, %(agent_id)s, %(issued_at)s, %(expires_at)s)

-- use_code --
-- A code works once and in time; again while nobody has worked under the epoch it began, for the answer may be lost.
UPDATE agent_code c SET used_at = %(now)s
 WHERE c.code_hash = %(code_hash)s AND c.expires_at > %(now)s
   AND (c.used_at IS NULL
        OR EXISTS (SELECT 1 FROM agent a JOIN agent_epoch e ON e.agent_id = a.id AND e.epoch = a.epoch
                    WHERE a.id = c.agent_id AND e.instance IS NULL AND e.issued_at = c.used_at))
RETURNING c.agent_id

-- add_token --
INSERT INTO agent_token (token_hash, agent_id, epoch, issued_at, expires_at)
VALUES (%(token_hash)s, %(agent_id)s, %(epoch)s, %(issued_at)s, %(expires_at)s)

-- revoke_tokens --
UPDATE agent_token SET revoked_at = %(now)s
 WHERE agent_id = (SELECT id FROM agent WHERE line = %(line)s) AND revoked_at IS NULL

-- identity --
-- Who a token belongs to, and the epoch of the copy that shows it.
SELECT a.id, a.line, a.epoch, a.config_version, a.config_digest, a.lost, a.seen_at, a.heard_at,
       a.link_connected, a.link_detail, t.epoch AS token_epoch, e.epoch AS copy_epoch
  FROM agent_token t
  JOIN agent a ON a.id = t.agent_id
  LEFT JOIN agent_epoch e ON e.agent_id = a.id AND e.instance = %(instance)s
 WHERE t.token_hash = %(token_hash)s AND t.revoked_at IS NULL AND t.expires_at > %(now)s

-- certified --
-- Who a client certificate belongs to, and the epoch of the copy that shows it.
SELECT a.id, a.line, a.epoch, a.config_version, a.config_digest, a.lost, a.seen_at, a.heard_at,
       a.link_connected, a.link_detail, c.epoch AS token_epoch, e.epoch AS copy_epoch
  FROM agent_client_certificate c
  JOIN agent a ON a.id = c.agent_id
  LEFT JOIN agent_epoch e ON e.agent_id = a.id AND e.instance = %(instance)s
 WHERE c.fingerprint = %(fingerprint)s AND c.revoked_at IS NULL AND c.expires_at > %(now)s

-- proof_key --
-- The key that goes with a client certificate: the first who asks makes it.
UPDATE agent_client_certificate SET proof_key = coalesce(proof_key, %(fresh)s)
 WHERE fingerprint = %(fingerprint)s
RETURNING proof_key

-- valid_proof_keys --
-- The keys that go with an agent's valid certificates, the newest first.
SELECT fingerprint, proof_key FROM agent_client_certificate
 WHERE agent_id = %(agent_id)s AND proof_key IS NOT NULL AND revoked_at IS NULL AND expires_at > %(now)s
 ORDER BY issued_at DESC

-- add_client_certificate --
INSERT INTO agent_client_certificate
       (fingerprint, agent_id, epoch, subject, issuer, issued_by, issued_at, expires_at)
VALUES (%(fingerprint)s, %(agent_id)s, %(epoch)s, %(subject)s, %(issuer)s, %(issued_by)s, %(issued_at)s,
        %(expires_at)s)
ON CONFLICT (fingerprint) DO UPDATE SET epoch = excluded.epoch
 WHERE agent_client_certificate.agent_id = excluded.agent_id

-- withdraw_client_certificate --
UPDATE agent_client_certificate SET revoked_at = %(now)s
 WHERE agent_id = (SELECT id FROM agent WHERE line = %(line)s) AND fingerprint = %(fingerprint)s
   AND revoked_at IS NULL

-- withdraw_client_certificates --
UPDATE agent_client_certificate SET revoked_at = %(now)s
 WHERE agent_id = (SELECT id FROM agent WHERE line = %(line)s) AND revoked_at IS NULL AND expires_at > %(now)s

-- client_certificates --
-- What counts now, line by line, the one that lasts longest first.
SELECT c.fingerprint, a.line, c.subject, c.issuer, c.issued_by, c.issued_at, c.expires_at
  FROM agent_client_certificate c JOIN agent a ON a.id = c.agent_id
 WHERE c.revoked_at IS NULL AND c.expires_at > %(now)s
 ORDER BY a.line, c.expires_at DESC

-- valid_tokens --
-- What is kept of an agent's valid tokens, the newest first.
SELECT token_hash FROM agent_token
 WHERE agent_id = %(agent_id)s AND revoked_at IS NULL AND expires_at > %(now)s
 ORDER BY issued_at DESC

-- by_id --
SELECT id, line, epoch, config_version, config_digest, lost, seen_at, heard_at, link_connected, link_detail
  FROM agent WHERE id = %(id)s

-- newest_token --
SELECT coalesce(max(epoch), 0) FROM agent_token WHERE agent_id = %(agent_id)s

-- epochs --
SELECT epoch, instance, fenced_at FROM agent_epoch WHERE agent_id = %(agent_id)s ORDER BY epoch

-- fence --
-- A newer epoch ends the former ones.
UPDATE agent_epoch SET fenced_at = %(now)s
 WHERE agent_id = %(agent_id)s AND fenced_at IS NULL

-- add_epoch --
INSERT INTO agent_epoch (agent_id, epoch, instance, issued_at)
VALUES (%(agent_id)s, %(epoch)s, %(instance)s, %(now)s)

-- adopt_epoch --
UPDATE agent_epoch SET instance = %(instance)s WHERE agent_id = %(agent_id)s AND epoch = %(epoch)s

-- set_epoch --
UPDATE agent SET epoch = %(epoch)s WHERE id = %(agent_id)s

-- set_config --
UPDATE agent SET config_version = %(version)s, config_digest = %(digest)s WHERE id = %(agent_id)s

-- tags_of_line --
SELECT id, station, name FROM telemetry_tag WHERE line = %(line)s

-- add_tag --
-- The number of the plant file if it is free, else the next one after all.
INSERT INTO telemetry_tag (id, line, station, name, unit)
SELECT CASE WHEN EXISTS (SELECT 1 FROM telemetry_tag WHERE id = %(id)s)
            THEN (SELECT max(id) + 1 FROM telemetry_tag) ELSE %(id)s END,
       %(line)s, %(station)s, %(name)s, %(unit)s
ON CONFLICT ON CONSTRAINT telemetry_tag_name DO UPDATE SET line = excluded.line, unit = excluded.unit

-- save_heartbeat --
UPDATE agent SET seen_at = %(now)s, heard_at = coalesce(%(heard_at)s, heard_at),
       link_connected = %(connected)s, link_detail = %(detail)s, heartbeat = %(heartbeat)s::jsonb
 WHERE id = %(agent_id)s

-- set_lost --
UPDATE agent SET lost = %(lost)s, link_connected = link_connected AND NOT %(lost)s WHERE id = %(agent_id)s

-- overdue --
-- Agents whose lines have not been heard of since the lease ran out.
SELECT id, line, epoch, config_version, config_digest, lost, seen_at, heard_at, link_connected, link_detail
  FROM agent WHERE NOT lost AND heard_at < %(before)s FOR UPDATE SKIP LOCKED

-- next_number --
-- Taken under the lock of the line's row, so that numbers are seen in the order in which they commit.
INSERT INTO agent_outbox (line, last_number) VALUES (%(line)s, 1)
ON CONFLICT (line) DO UPDATE SET last_number = agent_outbox.last_number + 1
RETURNING last_number

-- add_command --
INSERT INTO agent_command (line, number, id, kind, body, sent_at)
VALUES (%(line)s, %(number)s, %(id)s, %(kind)s, %(body)s::jsonb, %(sent_at)s)

-- command_exists --
SELECT EXISTS (SELECT 1 FROM agent_command WHERE id = %(id)s)

-- ring --
SELECT pg_notify('c2m_command', %(line)s)

-- commands_after --
SELECT number, body FROM agent_command
 WHERE line = %(line)s AND number > %(after)s ORDER BY number LIMIT %(limit)s

-- finish_command --
-- The first answer counts; a repeated one changes nothing.
UPDATE agent_command SET done_at = %(now)s, ok = %(ok)s, code = %(code)s
 WHERE id = %(id)s AND done_at IS NULL
RETURNING kind

-- forget_commands --
DELETE FROM agent_command WHERE done_at < %(before)s

-- overview --
SELECT a.line, a.epoch, a.lost, a.seen_at, a.link_connected, a.link_detail, a.heartbeat,
       a.config_version,
       (SELECT count(*) FROM agent_command c WHERE c.line = a.line AND c.done_at IS NULL)::int AS open_commands
  FROM agent a ORDER BY a.line

-- known_kinds --
-- No row, and no heartbeat that names them: NULL.
SELECT (SELECT heartbeat -> 'commands' FROM agent WHERE line = %(line)s)

-- polled --
SELECT line FROM agent WHERE coalesce(heartbeat -> 'link' ->> 'polled', '') <> '' ORDER BY line

-- decisions --
SELECT line, thumbprint, decision FROM agent_certificate ORDER BY line, thumbprint

-- decisions_of_line --
SELECT line, thumbprint, decision FROM agent_certificate WHERE line = %(line)s ORDER BY thumbprint

-- save_decision --
INSERT INTO agent_certificate (line, thumbprint, decision, decided_by, decided_at)
VALUES (%(line)s, %(thumbprint)s, %(decision)s, %(actor)s, %(now)s)
ON CONFLICT (line, thumbprint) DO UPDATE
   SET decision = excluded.decision, decided_by = excluded.decided_by, decided_at = excluded.decided_at

-- raise_certificate_alarm --
-- Each alarm of a certificate is raised once.
INSERT INTO agent_certificate_alarm (line, thumbprint, days, raised_at)
VALUES (%(line)s, %(thumbprint)s, %(days)s, %(now)s)
ON CONFLICT DO NOTHING
