-- user_by_name --
-- A person and what is needed to check the password.
SELECT u.id, u.name, u.password_hash, u.active,
       array_remove(array_agg(r.role ORDER BY r.role), NULL) AS roles
  FROM app_user u LEFT JOIN app_user_role r ON r.user_id = u.id
 WHERE u.name = %(name)s
 GROUP BY u.id

-- users --
-- Everybody, for the administrator.
SELECT u.id, u.name, u.password_hash, u.active,
       array_remove(array_agg(r.role ORDER BY r.role), NULL) AS roles
  FROM app_user u LEFT JOIN app_user_role r ON r.user_id = u.id
 GROUP BY u.id
 ORDER BY u.name

-- add_user --
-- A person; names are unique.
INSERT INTO app_user (id, name, password_hash, created_at)
VALUES (%(id)s, %(name)s, %(password_hash)s, %(now)s)
ON CONFLICT ON CONSTRAINT app_user_name_key DO NOTHING

-- add_role --
-- A role of a person.
INSERT INTO app_user_role (user_id, role) VALUES (%(user_id)s, %(role)s) ON CONFLICT DO NOTHING

-- set_password --
-- A new password, or the same one hashed with newer parameters.
UPDATE app_user SET password_hash = %(password_hash)s WHERE id = %(id)s

-- set_active --
-- A person who has left, or is back.
UPDATE app_user SET active = %(active)s WHERE id = %(id)s

-- add_session --
-- A person has signed in.
INSERT INTO user_session (token_hash, user_id, created_at, expires_at)
VALUES (%(token_hash)s, %(user_id)s, %(now)s, %(expires_at)s)

-- session --
-- Whose session this is, ended or not.
SELECT u.id, u.name, u.active, s.expires_at,
       array_remove(array_agg(r.role ORDER BY r.role), NULL) AS roles
  FROM user_session s
  JOIN app_user u ON u.id = s.user_id
  LEFT JOIN app_user_role r ON r.user_id = u.id
 WHERE s.token_hash = %(token_hash)s
 GROUP BY u.id, s.expires_at

-- renew_session --
-- A session that is used lives on.
UPDATE user_session SET expires_at = %(expires_at)s WHERE token_hash = %(token_hash)s

-- end_session --
-- Signed out.
DELETE FROM user_session WHERE token_hash = %(token_hash)s

-- end_sessions --
-- Signed out everywhere, as after a new password.
DELETE FROM user_session WHERE user_id = %(user_id)s

-- forget_sessions --
-- Sessions that ended by themselves.
DELETE FROM user_session WHERE expires_at < %(now)s

-- add_token --
-- A machine's token; only its hash is kept.
INSERT INTO api_token (id, name, token_hash, scopes, channel, created_by, created_at, expires_at)
VALUES (%(id)s, %(name)s, %(token_hash)s, %(scopes)s, %(channel)s, %(created_by)s, %(now)s,
        %(expires_at)s)

-- token --
-- Whose token this is, good or not.
SELECT id, name, scopes, channel, expires_at, revoked_at FROM api_token
 WHERE token_hash = %(token_hash)s

-- tokens --
-- Every token, for the administrator.
SELECT id, name, scopes, channel, expires_at, revoked_at FROM api_token ORDER BY name, id

-- revoke_token --
-- A token that must not work any more.
UPDATE api_token SET revoked_at = %(now)s WHERE id = %(id)s AND revoked_at IS NULL

-- hit --
-- One more attempt; an old window starts anew.
INSERT INTO rate_window (subject, started_at, hits) VALUES (%(subject)s, %(now)s, 1)
ON CONFLICT (subject) DO UPDATE
   SET hits = CASE WHEN rate_window.started_at <= %(window_start)s THEN 1
                   ELSE rate_window.hits + 1 END,
       started_at = CASE WHEN rate_window.started_at <= %(window_start)s THEN EXCLUDED.started_at
                         ELSE rate_window.started_at END
RETURNING started_at, hits

-- hits --
-- The attempts in the window that runs.
SELECT started_at, hits FROM rate_window
 WHERE subject = %(subject)s AND started_at > %(window_start)s

-- clear_hits --
-- Success forgives.
DELETE FROM rate_window WHERE subject = %(subject)s

-- forget_hits --
-- Windows that are over.
DELETE FROM rate_window WHERE started_at < %(before)s

-- add_audit --
-- Who changed what, from what, to what.
INSERT INTO audit_entry (actor, action, subject, before, after, plant_at)
VALUES (%(actor)s, %(action)s, %(subject)s, %(before)s::jsonb, %(after)s::jsonb, %(now)s)

-- audit_of --
-- What was done to one thing, oldest first.
SELECT id, actor, action, subject, before, after, plant_at, recorded_at FROM audit_entry
 WHERE subject = %(subject)s ORDER BY id LIMIT %(limit)s
