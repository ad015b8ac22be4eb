-- What happens without the planner at a site. No row: everything does.
CREATE TABLE plan_permit (
    site            text PRIMARY KEY,
    occasions       text[] NOT NULL,
    max_cars_moved  integer CHECK (max_cars_moved >= 0),
    max_minutes     integer CHECK (max_minutes >= 0),
    max_promises    integer CHECK (max_promises >= 0),
    entered_by      text NOT NULL,
    entered_at      timestamptz NOT NULL,
    row_version     integer NOT NULL
);

-- A repair that the permit does not cover. It waits for a planner, and grows with what happens meanwhile.
CREATE TABLE plan_proposal (
    id           uuid PRIMARY KEY,
    site         text NOT NULL,
    state        text NOT NULL CHECK (state IN ('open', 'accepted', 'rejected', 'overtaken')),
    cause        text NOT NULL,
    news_seq     bigint NOT NULL,
    base_id      uuid NOT NULL REFERENCES plan (id),
    difference   jsonb NOT NULL,
    breaches     jsonb NOT NULL,
    event_id     uuid NOT NULL,
    made_at      timestamptz NOT NULL,
    created_at   timestamptz NOT NULL,
    decided_at   timestamptz,
    decided_by   text,
    note         text NOT NULL DEFAULT '',
    plan_id      uuid REFERENCES plan (id),
    row_version  integer NOT NULL DEFAULT 1
);
CREATE INDEX plan_proposal_recent ON plan_proposal (site, created_at DESC);
CREATE UNIQUE INDEX plan_proposal_one_open ON plan_proposal (site) WHERE state = 'open';

-- A part that comes late and a rush order are permitted apart from other changes of the live plan.
ALTER TABLE planning_news DROP CONSTRAINT planning_news_kind_check;
ALTER TABLE planning_news ADD CONSTRAINT planning_news_kind_check CHECK (kind IN
    ('order', 'changed', 'gone', 'delay', 'reverted', 'done', 'scrapped', 'down', 'up', 'change', 'part',
     'rush'));
