-- A line that is polled and was not read when it was due is a cause of its own.
ALTER TABLE telemetry_gap DROP CONSTRAINT telemetry_gap_cause_check;
ALTER TABLE telemetry_gap ADD CONSTRAINT telemetry_gap_cause_check CHECK (cause IN
        ('agent_down', 'link_lost', 'data_silent', 'queue_overflow', 'journal_full', 'poison', 'node_refused',
         'poll_missed'));
