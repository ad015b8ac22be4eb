-- Job orders handed to lines, or about to be: what we want of the line, and what it reported.
CREATE TABLE job_order (
    id              uuid PRIMARY KEY,
    kind            text NOT NULL CHECK (kind IN ('body', 'die_lot', 'rework')),
    line            text NOT NULL,
    subject_id      uuid NOT NULL,
    attempt         integer NOT NULL CHECK (attempt >= 1),
    order_id        uuid,
    body_id         uuid,
    rework_id       uuid,
    state           text NOT NULL CHECK (state IN
                    ('Waiting', 'Pending', 'Dispatched', 'Ready', 'Running', 'Completed', 'Aborted',
                     'Held', 'Suspended', 'Closed', 'Cancelled')),
    state_at        timestamptz NOT NULL,
    cancelling      boolean NOT NULL DEFAULT false,
    sequence        bigint NOT NULL,
    job             jsonb NOT NULL,
    good            integer NOT NULL DEFAULT 0,
    scrap           integer NOT NULL DEFAULT 0,
    reason          text NOT NULL DEFAULT '',
    reported_state  text,
    reported_at     timestamptz,
    created_at      timestamptz NOT NULL,
    row_version     integer NOT NULL DEFAULT 1,
    CONSTRAINT job_order_once UNIQUE (subject_id, line, attempt)
);
CREATE INDEX job_order_open ON job_order (line, sequence)
    WHERE state NOT IN ('Completed', 'Aborted', 'Closed', 'Cancelled');
CREATE INDEX job_order_by_body ON job_order (body_id);

-- Commands on their way to a line about a job: a refused or lost one is seen and answered once.
CREATE TABLE job_command (
    command_id    uuid PRIMARY KEY,
    job_order_id  uuid NOT NULL REFERENCES job_order (id),
    line          text NOT NULL,
    kind          text NOT NULL,
    issued_at     timestamptz NOT NULL,
    ok            boolean,
    code          text,
    message       text,
    done_at       timestamptz
);
CREATE INDEX job_command_open ON job_command (job_order_id) WHERE ok IS NULL;

-- Lines whose jobs must be compared with the plan; many causes make one comparison.
CREATE TABLE dispatch_wish (
    line   text PRIMARY KEY,
    since  timestamptz NOT NULL
);
