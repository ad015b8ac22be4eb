-- Where each body is and how it stands. `place` says which of line, station, store and bay are meant.
CREATE TABLE body (
  id             uuid PRIMARY KEY,
  number         text NOT NULL,
  order_id       uuid NOT NULL,
  vin            text NOT NULL CHECK (length(vin) = 17),
  model          text NOT NULL,
  color          text NOT NULL,
  predecessor_id uuid REFERENCES body (id),
  condition      text NOT NULL DEFAULT 'ok' CHECK (condition IN (
                   'ok', 'suspect', 'held', 'rework', 'repair', 'use_as_is', 'scrap', 'released')),
  line_hold      boolean NOT NULL DEFAULT false,
  place          text NOT NULL DEFAULT 'planned' CHECK (place IN (
                   'planned', 'line', 'bay', 'store', 'finished', 'scrapped')),
  line           text,
  station        text,
  store          text,
  bay            text,
  since_at       timestamptz NOT NULL,
  CONSTRAINT body_number_key UNIQUE (number),
  CONSTRAINT body_place_whole CHECK (
    (place IN ('line', 'bay')) = (line IS NOT NULL)
    AND (place = 'line') = (station IS NOT NULL)
    AND (place = 'bay') = (bay IS NOT NULL)
    AND (place IN ('store', 'finished')) = (store IS NOT NULL)),
  CONSTRAINT body_scrap_is_final CHECK (place <> 'scrapped' OR condition = 'scrap')
) WITH (fillfactor = 70);
CREATE INDEX body_order ON body (order_id);
CREATE INDEX body_vin ON body (vin);
CREATE INDEX body_in_process ON body (place, line, store, since_at)
  WHERE place IN ('line', 'bay', 'store');

-- What a line reports of a job order: one body through one line, one die lot, or one rework.
CREATE TABLE line_job (
  id           uuid PRIMARY KEY,
  kind         text NOT NULL CHECK (kind IN ('body', 'die_lot', 'rework')),
  line         text NOT NULL,
  body_id      uuid REFERENCES body (id),
  panel        text,
  quantity     integer NOT NULL DEFAULT 1 CHECK (quantity > 0),
  state        text NOT NULL CHECK (state IN (
                 'Waiting', 'Pending', 'Dispatched', 'Ready', 'Running', 'Completed', 'Aborted', 'Held',
                 'Suspended', 'Closed', 'Cancelled')),
  good         integer NOT NULL DEFAULT 0 CHECK (good >= 0),
  scrap        integer NOT NULL DEFAULT 0 CHECK (scrap >= 0),
  reason       text NOT NULL DEFAULT '',
  state_at     timestamptz NOT NULL,
  started_at   timestamptz,
  ended_at     timestamptz,
  CHECK (kind <> 'die_lot' OR panel IS NOT NULL),
  CHECK (kind = 'die_lot' OR body_id IS NOT NULL),
  CHECK (started_at <= ended_at)
) WITH (fillfactor = 70);
CREATE INDEX line_job_body ON line_job (body_id, started_at) WHERE body_id IS NOT NULL;
CREATE INDEX line_job_line ON line_job (line, started_at);

-- What was done to each body at each station. One row per record of the line: the fact table of
-- execution, whose failures and reading points alone become events.
CREATE TABLE operation (
  line         text NOT NULL,
  seq          bigint NOT NULL,
  body_id      uuid NOT NULL REFERENCES body (id),
  job_order_id uuid NOT NULL,
  station      text NOT NULL,
  step         text NOT NULL,
  state        text NOT NULL CHECK (state IN ('completed', 'failed')),
  started_at   timestamptz NOT NULL,
  ended_at     timestamptz NOT NULL,
  process_values jsonb NOT NULL DEFAULT '{}',
  PRIMARY KEY (line, seq),
  CHECK (started_at <= ended_at)
);
CREATE INDEX operation_body ON operation (body_id, ended_at);
CREATE INDEX operation_station ON operation (line, station, ended_at);

-- Numbers of the line records that took effect: a record that comes again changes nothing.
CREATE TABLE line_record (
  line text NOT NULL,
  seq  bigint NOT NULL,
  kind text NOT NULL,
  at   timestamptz NOT NULL,
  PRIMARY KEY (line, seq)
);

-- A reading point read a body that was not expected: the line stands until a person answers.
CREATE TABLE reading_mismatch (
  id               uuid PRIMARY KEY,
  line             text NOT NULL,
  station          text NOT NULL,
  expected_body_id uuid,
  read_body_id     uuid NOT NULL,
  event_id         uuid NOT NULL,
  read_at          timestamptz NOT NULL,
  answer           text CHECK (answer IN ('insert', 'remove', 'swap')),
  answered_by      text,
  answered_at      timestamptz,
  done_at          timestamptz,
  CHECK ((answer IS NULL) = (answered_at IS NULL) AND (answer IS NULL) = (answered_by IS NULL))
);
CREATE UNIQUE INDEX reading_mismatch_one_open ON reading_mismatch (line, station)
  WHERE done_at IS NULL;

-- Calls for help; a station has at most one that is open, however often the cord is pulled.
CREATE TABLE andon_call (
  id         uuid PRIMARY KEY,
  line       text NOT NULL,
  station    text NOT NULL,
  reason     text NOT NULL,
  called_by  text NOT NULL,
  called_at  timestamptz NOT NULL,
  cleared_by text,
  cleared_at timestamptz,
  CHECK ((cleared_by IS NULL) = (cleared_at IS NULL)),
  CHECK (called_at <= cleared_at)
);
CREATE UNIQUE INDEX andon_call_one_open ON andon_call (station) WHERE cleared_at IS NULL;

-- What an operator reports of a body at a station: good, rework or scrap, in one place.
CREATE TABLE operator_report (
  id          uuid PRIMARY KEY,
  body_id     uuid NOT NULL REFERENCES body (id),
  line        text NOT NULL,
  station     text NOT NULL,
  outcome     text NOT NULL CHECK (outcome IN ('good', 'rework', 'scrap')),
  defect_kind text,
  note        text NOT NULL DEFAULT '',
  reported_by text NOT NULL,
  reported_at timestamptz NOT NULL,
  CONSTRAINT operator_report_once UNIQUE (body_id, station, outcome)
);
