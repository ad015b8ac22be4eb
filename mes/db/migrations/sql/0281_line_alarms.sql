-- Alarms and conditions of the lines' machines (OPC 10000-9): one row for each time that a condition was active.
CREATE TABLE line_alarm (
    id uuid PRIMARY KEY,
    line text NOT NULL,
    condition text NOT NULL,
    branch text NOT NULL,
    began_at timestamptz NOT NULL,
    ended_at timestamptz,
    end_seen boolean NOT NULL DEFAULT true,
    station text,
    source text NOT NULL,
    name text NOT NULL,
    event_type text NOT NULL,
    event_id text NOT NULL,
    message text NOT NULL,
    severity integer NOT NULL CHECK (severity BETWEEN 0 AND 1000),
    acked boolean,
    acked_at timestamptz,
    acked_by text NOT NULL DEFAULT '',
    comment text NOT NULL DEFAULT '',
    confirmed boolean,
    retain boolean NOT NULL,
    merged bigint NOT NULL DEFAULT 0,
    changed_at timestamptz NOT NULL,
    CONSTRAINT line_alarm_once UNIQUE (line, condition, branch, began_at)
);
COMMENT ON COLUMN line_alarm.condition IS 'Node id of the condition; empty: an event without a state.';
COMMENT ON COLUMN line_alarm.end_seen IS 'False: found gone after an interruption; ended_at is when that was noticed.';
COMMENT ON COLUMN line_alarm.merged IS 'States that the agent did not tell one by one.';
CREATE INDEX line_alarm_standing ON line_alarm (line, severity DESC) WHERE ended_at IS NULL OR retain;
CREATE INDEX line_alarm_newest ON line_alarm (began_at DESC);
