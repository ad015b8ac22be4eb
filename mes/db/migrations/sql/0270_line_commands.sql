-- What people asked of lines: who, when, why, what changed, and what the line answered. Rows are kept.
CREATE TABLE line_command (
    id uuid PRIMARY KEY,
    line text NOT NULL,
    kind text NOT NULL,
    dry_run boolean NOT NULL,
    rehearsal_id uuid REFERENCES line_command (id),
    job_order_id uuid,
    station text,
    body jsonb NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL DEFAULT '',
    asked_at timestamptz NOT NULL,
    sent_at timestamptz NOT NULL,
    ok boolean,
    code text,
    changes jsonb NOT NULL DEFAULT '[]',
    done_at timestamptz,
    CONSTRAINT line_command_answered CHECK ((ok IS NULL) = (code IS NULL) AND (ok IS NULL) = (done_at IS NULL)),
    CONSTRAINT line_command_rehearsed CHECK (NOT dry_run OR rehearsal_id IS NULL)
);
CREATE INDEX line_command_newest ON line_command (line, sent_at DESC);
CREATE INDEX line_command_rehearsal ON line_command (rehearsal_id) WHERE rehearsal_id IS NOT NULL;
