-- Certificates with which agents prove who they are to the MES (TLS), named by the SHA-256 of their DER bytes.
-- Times here are real time. No private key is stored.
CREATE TABLE agent_client_certificate (
    fingerprint bytea PRIMARY KEY CHECK (octet_length(fingerprint) = 32),
    agent_id uuid NOT NULL REFERENCES agent (id),
    epoch integer NOT NULL,
    subject text NOT NULL,
    issuer text NOT NULL,
    issued_by text NOT NULL,
    issued_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);
COMMENT ON COLUMN agent_client_certificate.epoch IS 'Of the last enrolment when it was issued, as of a device token.';
CREATE INDEX agent_client_certificate_agent ON agent_client_certificate (agent_id, expires_at DESC);
