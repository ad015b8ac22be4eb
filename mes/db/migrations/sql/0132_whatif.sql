-- The plant as it was when branches were made of it. Shared by all branches of one moment and never
-- changed: a branch is this and its own changes.
CREATE TABLE plan_snapshot (
    hash       text PRIMARY KEY,
    site       text NOT NULL,
    at         timestamptz NOT NULL,
    facts      bytea NOT NULL,
    reference  bytea,
    starts     jsonb NOT NULL DEFAULT '{}',
    finishes   jsonb NOT NULL DEFAULT '{}'
);

-- A what-if. The live plan does not see it until somebody publishes it.
CREATE TABLE plan_branch (
    id            uuid PRIMARY KEY,
    site          text NOT NULL,
    name          text NOT NULL,
    state         text NOT NULL
                  CHECK (state IN ('open', 'solving', 'solved', 'failed', 'published', 'discarded')),
    snapshot      text NOT NULL REFERENCES plan_snapshot (hash),
    base_id       uuid REFERENCES plan (id),
    changes       jsonb NOT NULL DEFAULT '[]',
    problem       bytea,
    schedule      bytea,
    kpis          jsonb,
    unplaced      jsonb NOT NULL DEFAULT '[]',
    violations    jsonb,
    outcome       jsonb,
    failure       text,
    solved_s      double precision,
    plan_id       uuid REFERENCES plan (id),
    created_by    text NOT NULL,
    created_at    timestamptz NOT NULL,
    row_version   integer NOT NULL DEFAULT 1
);
CREATE INDEX plan_branch_recent ON plan_branch (site, created_at DESC);

-- What the planner has changed for the live plan: entered directly, or with a branch that was published.
CREATE TABLE plan_change (
    id          uuid PRIMARY KEY,
    site        text NOT NULL,
    change      jsonb NOT NULL,
    entered_by  text NOT NULL,
    entered_at  timestamptz NOT NULL,
    branch_id   uuid REFERENCES plan_branch (id)
);
CREATE INDEX plan_change_in_force ON plan_change (site, entered_at);

-- A change of the live plan is news for the next repair.
ALTER TABLE planning_news DROP CONSTRAINT planning_news_kind_check;
ALTER TABLE planning_news ADD CONSTRAINT planning_news_kind_check CHECK (kind IN
    ('order', 'changed', 'gone', 'delay', 'reverted', 'done', 'scrapped', 'down', 'up', 'change'));
