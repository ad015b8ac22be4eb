-- What the plant is by definition: the plant model as one document, flattened for joins, and its shifts.

CREATE TABLE plant_version (
  version      integer PRIMARY KEY CHECK (version > 0),
  site         text NOT NULL,
  hash         text NOT NULL CHECK (hash ~ '^[0-9a-f]{64}$'),
  model        jsonb NOT NULL,
  installed_at timestamptz NOT NULL,
  installed_by text NOT NULL,
  active       boolean NOT NULL
);
CREATE UNIQUE INDEX plant_version_one_active ON plant_version (active) WHERE active;

-- Equipment that a newer plant model no longer has stays, inactive: history refers to it.
CREATE TABLE plant_shop (
  id       text PRIMARY KEY,
  name_en  text NOT NULL,
  name_zh  text NOT NULL,
  kind     text NOT NULL
    CHECK (kind IN ('stamping', 'welding', 'painting', 'assembly', 'end_of_line')),
  position integer NOT NULL,
  active   boolean NOT NULL
);

CREATE TABLE plant_store (
  id       text PRIMARY KEY,
  name_en  text NOT NULL,
  name_zh  text NOT NULL,
  kind     text NOT NULL CHECK (kind IN ('panel', 'body', 'yard')),
  capacity integer NOT NULL CHECK (capacity > 0),
  position integer NOT NULL,
  active   boolean NOT NULL
);

CREATE TABLE plant_line (
  id            text PRIMARY KEY,
  shop          text NOT NULL REFERENCES plant_shop (id),
  name_en       text NOT NULL,
  name_zh       text NOT NULL,
  calendar      text NOT NULL,
  takt_s        double precision NOT NULL CHECK (takt_s > 0),
  takes_from    text REFERENCES plant_store (id),
  gives_to      text NOT NULL REFERENCES plant_store (id),
  body_position integer,
  position      integer NOT NULL,
  active        boolean NOT NULL
);

CREATE TABLE plant_station (
  id            text PRIMARY KEY,
  line          text NOT NULL REFERENCES plant_line (id),
  step          text NOT NULL,
  name_en       text NOT NULL,
  name_zh       text NOT NULL,
  cycle_s       double precision NOT NULL CHECK (cycle_s > 0),
  reading_point boolean NOT NULL,
  camera        text,
  position      integer NOT NULL,
  active        boolean NOT NULL
);
CREATE INDEX plant_station_line ON plant_station (line, position);

-- A shift is a row; one that runs over midnight belongs to the day on which it starts.
CREATE TABLE work_shift (
  calendar  text NOT NULL,
  start_at  timestamptz NOT NULL,
  end_at    timestamptz NOT NULL,
  code      text NOT NULL,
  name_en   text NOT NULL,
  name_zh   text NOT NULL,
  day       date NOT NULL,
  time_zone text NOT NULL,
  breaks    tstzmultirange NOT NULL,
  PRIMARY KEY (calendar, start_at, code),
  CHECK (end_at > start_at)
);
CREATE INDEX work_shift_time ON work_shift (start_at, end_at);
