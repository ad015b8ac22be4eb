-- What planning has seen of each line: the history that replaces the plant file's priors. Stops and their
-- length, and how many bodies left the line with or without a rework.
CREATE TABLE line_history (
    line       text PRIMARY KEY,
    since_at   timestamptz NOT NULL,
    stops      integer NOT NULL DEFAULT 0,
    stopped_s  double precision NOT NULL DEFAULT 0,
    bodies     integer NOT NULL DEFAULT 0,
    reworked   integer NOT NULL DEFAULT 0
);

-- How much longer than nominal bodies took on a line; the newest few hundred are drawn from.
CREATE TABLE line_run (
    line      text NOT NULL,
    order_id  uuid NOT NULL,
    extra_s   double precision NOT NULL,
    ended_at  timestamptz NOT NULL,
    PRIMARY KEY (line, order_id)
);
CREATE INDEX line_run_newest ON line_run (line, ended_at DESC);

-- Promises that the plan would break, since when and why: a projection that recovers moves no promise.
CREATE TABLE promise_watch (
    order_id    uuid PRIMARY KEY,
    late_since  timestamptz NOT NULL,
    reasons     jsonb NOT NULL DEFAULT '[]',
    event_id    uuid NOT NULL
);

-- What was promised, how surely, and on what: kept beside the outcome for the calibration report.
ALTER TABLE promise_outcome
    ADD COLUMN first_promised_at timestamptz,
    ADD COLUMN first_confidence double precision CHECK (first_confidence BETWEEN 0 AND 1),
    ADD COLUMN assumed boolean,
    ADD COLUMN changes integer NOT NULL DEFAULT 0 CHECK (changes >= 0);
CREATE INDEX promise_outcome_newest ON promise_outcome (finished_at DESC);

-- How many cars with an option a shift takes before its ratio rule must break. Quotes and promised
-- orders stay within it; a plan may break a soft rule, and the cap then grows to what it did.
CREATE TABLE capacity_option (
    line      text NOT NULL,
    shift_id  text NOT NULL,
    rule      text NOT NULL,
    option    text NOT NULL,
    cap       integer NOT NULL CHECK (cap >= 0),
    planned   integer NOT NULL DEFAULT 0 CHECK (planned >= 0),
    reserved  integer NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    PRIMARY KEY (line, shift_id, rule),
    FOREIGN KEY (line, shift_id) REFERENCES capacity_shift (line, shift_id),
    CONSTRAINT capacity_option_not_over_promised CHECK (planned + reserved <= cap)
);

-- A part that is short: so many cars with the option can be started on the drum before the next delivery.
CREATE TABLE part_shortage (
    option      text PRIMARY KEY,
    pieces      integer NOT NULL CHECK (pieces >= 0),
    until_at    timestamptz NOT NULL,
    reason      text NOT NULL DEFAULT '',
    planned     integer NOT NULL DEFAULT 0 CHECK (planned >= 0),
    reserved    integer NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    entered_by  text NOT NULL,
    entered_at  timestamptz NOT NULL,
    CONSTRAINT part_not_over_promised CHECK (planned + reserved <= pieces)
);

-- What a reservation holds beside its place: ratio rules of its shift, and parts that are short.
ALTER TABLE capacity_reservation
    ADD COLUMN rules text[] NOT NULL DEFAULT '{}',
    ADD COLUMN parts text[] NOT NULL DEFAULT '{}';

-- Why a quote could not be sooner, beside the reasons of its date.
ALTER TABLE quote ADD COLUMN not_sooner jsonb NOT NULL DEFAULT '[]';
