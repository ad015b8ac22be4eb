-- Cameras that no longer see, or judge, as their model did when it was set up: one row for each time.
CREATE TABLE drift_alarm (
    id uuid PRIMARY KEY,
    camera text NOT NULL,
    measure text NOT NULL CHECK (measure IN ('scores', 'features')),
    model_name text NOT NULL,
    model_version text NOT NULL,
    model_sha256 text NOT NULL,
    raised_at timestamptz NOT NULL,
    distance double precision NOT NULL,
    most double precision NOT NULL,
    confirmed_at timestamptz,
    confirmed_by text,
    comment text NOT NULL DEFAULT '',
    ended_at timestamptz,
    ended_by text CHECK (ended_by IN ('back', 'model', 'gone')),
    CONSTRAINT drift_alarm_confirmed CHECK ((confirmed_at IS NULL) = (confirmed_by IS NULL)),
    CONSTRAINT drift_alarm_ended CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
COMMENT ON COLUMN drift_alarm.distance IS 'As measured last while it stood, in spreads; most is what raises it.';
COMMENT ON COLUMN drift_alarm.ended_by IS 'Pictures look as before, another model judges, or the plant has the camera no more.';
CREATE UNIQUE INDEX drift_alarm_standing ON drift_alarm (camera, measure) WHERE ended_at IS NULL;
CREATE INDEX drift_alarm_newest ON drift_alarm (camera, raised_at DESC);
