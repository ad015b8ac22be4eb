-- Plan versions. One row is one attempt to plan the site: solving → draft → published → superseded,
-- or failed / discarded. `problem` and `schedule` are zstd-compressed JSON of the planning library,
-- so that any version can be checked, explained, compared and repaired again.
CREATE TABLE plan (
    id             uuid PRIMARY KEY,
    site           text NOT NULL,
    number         integer NOT NULL CHECK (number >= 1),
    state          text NOT NULL
                   CHECK (state IN ('solving', 'draft', 'published', 'superseded', 'failed', 'discarded')),
    kind           text NOT NULL CHECK (kind IN ('solve', 'repair')),
    cause          text NOT NULL,
    base_id        uuid REFERENCES plan (id),
    anchor_at      timestamptz NOT NULL,
    horizon_s      integer NOT NULL CHECK (horizon_s > 0),
    snapshot_hash  text,
    budget_s       double precision NOT NULL DEFAULT 0,
    solved_s       double precision,
    progress       jsonb NOT NULL DEFAULT '{}',
    kpis           jsonb,
    unplaced       jsonb NOT NULL DEFAULT '[]',
    violations     jsonb,
    failure        text,
    problem        bytea,
    schedule       bytea,
    requested_by   text NOT NULL,
    created_at     timestamptz NOT NULL,
    published_at   timestamptz,
    published_by   text,
    automatic      boolean NOT NULL DEFAULT false,
    note           text NOT NULL DEFAULT '',
    superseded_at  timestamptz,
    row_version    integer NOT NULL DEFAULT 1,
    CONSTRAINT plan_number_once UNIQUE (site, number),
    CONSTRAINT plan_published_checks
        CHECK (state NOT IN ('published', 'superseded') OR violations = '[]'::jsonb)
);
CREATE UNIQUE INDEX plan_one_published ON plan (site) WHERE state = 'published';
CREATE UNIQUE INDEX plan_one_solving ON plan (site) WHERE state = 'solving';
CREATE INDEX plan_recent ON plan (site, number DESC);

-- What the published version says about every line, and what earlier versions said about work that
-- has begun since. A car is its order; a die lot is itself. Denormalised for the plan board.
CREATE TABLE planned_operation (
    line          text NOT NULL,
    subject_id    uuid NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('body', 'die_lot')),
    plan_id       uuid NOT NULL REFERENCES plan (id),
    order_id      uuid,
    order_number  text,
    car_id        text,
    body_id       uuid,
    body_number   text,
    model         text,
    color         text,
    options       text[] NOT NULL DEFAULT '{}',
    lot_id        text,
    panel         text,
    quantity      integer,
    sequence      integer NOT NULL,
    start_at      timestamptz NOT NULL,
    end_at        timestamptz NOT NULL,
    need_by_at    timestamptz,
    finish_at     timestamptz,
    promised_at   timestamptz,
    frozen        boolean NOT NULL DEFAULT false,
    started       boolean NOT NULL DEFAULT false,
    actual_start_at timestamptz,
    actual_end_at   timestamptz,
    PRIMARY KEY (line, subject_id)
);
CREATE INDEX planned_operation_by_start ON planned_operation (line, start_at);
CREATE INDEX planned_operation_by_order ON planned_operation (order_id);
CREATE INDEX planned_operation_window ON planned_operation (start_at, end_at);

-- What keeps a body from its next stage: a hold, then the rework that it leads to. Planning's own
-- memory of what quality announced, with the events that the explanation of a promise runs through.
CREATE TABLE planning_delay (
    hold_id          uuid PRIMARY KEY,
    body_id          uuid NOT NULL,
    order_id         uuid NOT NULL,
    line             text NOT NULL,
    state            text NOT NULL CHECK (state IN ('held', 'provisional', 'confirmed', 'ended')),
    cause            text NOT NULL,
    defect_kind      text,
    work_s           double precision,
    since_at         timestamptz NOT NULL,
    available_at     timestamptz NOT NULL,
    inspection_event uuid,
    hold_event       uuid NOT NULL,
    rework_event     uuid,
    end_event        uuid,
    missed_event     uuid,
    base_plan_id     uuid REFERENCES plan (id),
    ended_at         timestamptz
);
CREATE INDEX planning_delay_open ON planning_delay (body_id) WHERE state <> 'ended';

-- Promises that a delay has moved: what they go back to when the delay turns out to be none.
CREATE TABLE promise_move (
    hold_id    uuid NOT NULL REFERENCES planning_delay (hold_id),
    order_id   uuid NOT NULL,
    former_at  timestamptz NOT NULL,
    moved_at   timestamptz NOT NULL,
    PRIMARY KEY (hold_id, order_id)
);

-- A line, machine or press that planning knows to be down.
CREATE TABLE planning_downtime (
    line      text PRIMARY KEY,
    station   text,
    since_at  timestamptz NOT NULL,
    until_at  timestamptz NOT NULL,
    reason    text NOT NULL DEFAULT '',
    event_id  uuid NOT NULL
);

-- What happened and is not yet in the published plan; a repair takes all of it at once.
CREATE TABLE planning_news (
    event_seq  bigint PRIMARY KEY,
    event_id   uuid NOT NULL,
    kind       text NOT NULL CHECK (kind IN
               ('order', 'changed', 'gone', 'delay', 'reverted', 'done', 'scrapped', 'down', 'up')),
    order_id   uuid,
    body_id    uuid,
    hold_id    uuid,
    line       text,
    at         timestamptz NOT NULL
);

-- Places of the drum line by shift. Promises, quotes and planned cars debit them under a row lock,
-- and the CHECK makes over-promising impossible whatever the number of processes.
CREATE TABLE capacity_shift (
    line        text NOT NULL,
    shift_id    text NOT NULL,
    start_at    timestamptz NOT NULL,
    end_at      timestamptz NOT NULL,
    places      integer NOT NULL CHECK (places >= 0),
    planned     integer NOT NULL DEFAULT 0 CHECK (planned >= 0),
    reserved    integer NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    PRIMARY KEY (line, shift_id),
    CONSTRAINT capacity_not_over_promised CHECK (planned + reserved <= places)
);
CREATE INDEX capacity_shift_by_start ON capacity_shift (line, start_at);

-- A debit that no plan holds yet: of a quote (with expiry in plant time) or of a promised order.
CREATE TABLE capacity_reservation (
    id          uuid PRIMARY KEY,
    line        text NOT NULL,
    shift_id    text NOT NULL,
    holder      text NOT NULL CHECK (holder IN ('quote', 'order')),
    holder_id   uuid NOT NULL,
    start_at    timestamptz NOT NULL,
    expires_at  timestamptz,
    CONSTRAINT capacity_reservation_holder UNIQUE (holder, holder_id),
    FOREIGN KEY (line, shift_id) REFERENCES capacity_shift (line, shift_id)
);
CREATE INDEX capacity_reservation_expiry ON capacity_reservation (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE quote (
    id           uuid PRIMARY KEY,
    number       bigint GENERATED ALWAYS AS IDENTITY,
    state        text NOT NULL CHECK (state IN ('held', 'confirmed', 'cancelled', 'expired')),
    model        text NOT NULL,
    color        text NOT NULL,
    options      text[] NOT NULL,
    wanted_at    timestamptz,
    promised_at  timestamptz NOT NULL,
    confidence   double precision NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    assumed      boolean NOT NULL,
    reasons      jsonb NOT NULL DEFAULT '[]',
    expires_at   timestamptz NOT NULL,
    order_id     uuid,
    created_at   timestamptz NOT NULL,
    created_by   text NOT NULL,
    row_version  integer NOT NULL DEFAULT 1
);

-- How promises turned out: the history that replaces the plant file's priors.
CREATE TABLE promise_outcome (
    order_id     uuid PRIMARY KEY,
    promised_at  timestamptz NOT NULL,
    finished_at  timestamptz NOT NULL,
    kept         boolean NOT NULL
);
