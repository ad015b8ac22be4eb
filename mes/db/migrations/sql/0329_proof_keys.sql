-- What an agent without a token proves its batches with that come through NATS.
ALTER TABLE agent_client_certificate ADD COLUMN proof_key bytea CHECK (octet_length(proof_key) = 32);
COMMENT ON COLUMN agent_client_certificate.proof_key IS 'NULL: its agent has never asked for one; batches come over HTTP.';
