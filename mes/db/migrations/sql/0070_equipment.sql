-- What was observed of the equipment. `equipment_state` is what a line last said of each station ('' is
-- the line as a whole); a closed stretch moves to `equipment_interval`, so a stop left open is one row
-- here and never attaches to a later one. Silence lies over both: a silent line is unknown, not idle.
CREATE TABLE equipment_state (
  line     text NOT NULL,
  station  text NOT NULL,
  state    text NOT NULL CHECK (state IN ('running', 'starved', 'blocked', 'down', 'idle', 'stopped')),
  reason   text NOT NULL DEFAULT '',
  since_at timestamptz NOT NULL,
  heard_at timestamptz NOT NULL,
  PRIMARY KEY (line, station)
) WITH (fillfactor = 60);

CREATE TABLE equipment_interval (
  line       text NOT NULL,
  station    text NOT NULL,
  state      text NOT NULL CHECK (state IN ('running', 'starved', 'blocked', 'down', 'idle', 'stopped')),
  reason     text NOT NULL DEFAULT '',
  started_at timestamptz NOT NULL,
  ended_at   timestamptz NOT NULL,
  CHECK (started_at <= ended_at)
);
CREATE INDEX equipment_interval_station ON equipment_interval (line, station, started_at);
CREATE INDEX equipment_interval_age ON equipment_interval USING brin (ended_at);

-- Stretches in which nothing was heard of a line's agent.
CREATE TABLE equipment_silence (
  line       text NOT NULL,
  started_at timestamptz NOT NULL,
  ended_at   timestamptz,
  PRIMARY KEY (line, started_at),
  CHECK (ended_at IS NULL OR started_at <= ended_at)
);
CREATE UNIQUE INDEX equipment_silence_one_open ON equipment_silence (line) WHERE ended_at IS NULL;

-- Stops that were longer than a short stop, as announced by `line.down` and `line.up`.
CREATE TABLE line_stop (
  line       text NOT NULL,
  started_at timestamptz NOT NULL,
  station    text,
  reason     text NOT NULL DEFAULT '',
  event_id   uuid NOT NULL,
  ended_at   timestamptz,
  PRIMARY KEY (line, started_at),
  CHECK (ended_at IS NULL OR started_at <= ended_at)
);
CREATE UNIQUE INDEX line_stop_one_open ON line_stop (line) WHERE ended_at IS NULL;
