-- What plant IT has decided about the OPC UA certificates that agents were shown. Times here are real time.
CREATE TABLE agent_certificate (
  line       text NOT NULL,
  thumbprint text NOT NULL CHECK (thumbprint ~ '^[0-9a-f]{64}$'),
  decision   text NOT NULL CHECK (decision IN ('trusted', 'revoked')),
  decided_by text NOT NULL,
  decided_at timestamptz NOT NULL,
  PRIMARY KEY (line, thumbprint)
);

-- Each alarm of a certificate that comes to its end is raised once: 60, 30 and 7 days before it, and at its end (0).
CREATE TABLE agent_certificate_alarm (
  line       text NOT NULL,
  thumbprint text NOT NULL,
  days       integer NOT NULL CHECK (days IN (60, 30, 7, 0)),
  raised_at  timestamptz NOT NULL,
  PRIMARY KEY (line, thumbprint, days)
);
