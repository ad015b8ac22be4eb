-- What was done about a gap, and a cause of its own for items that a server refuses to monitor.
ALTER TABLE telemetry_gap
    ADD COLUMN repair text NOT NULL DEFAULT 'none' CHECK (repair IN ('none', 'resync', 'history')),
    DROP CONSTRAINT telemetry_gap_cause_check,
    ADD CONSTRAINT telemetry_gap_cause_check CHECK (cause IN
        ('agent_down', 'link_lost', 'data_silent', 'queue_overflow', 'journal_full', 'poison', 'node_refused'));
