-- Starts that planners have locked: kept with the plan of the site from version to version, until they are
-- unlocked or the work begins. A lock is a window on the start of one order on one line.
CREATE TABLE plan_lock (
  id           uuid PRIMARY KEY,
  site         text NOT NULL,
  line         text NOT NULL,
  order_id     uuid NOT NULL REFERENCES customer_order ON DELETE CASCADE,
  order_number text NOT NULL,
  from_at      timestamptz NOT NULL,
  to_at        timestamptz NOT NULL,
  locked_by    text NOT NULL,
  locked_at    timestamptz NOT NULL,
  CONSTRAINT plan_lock_once UNIQUE (site, line, order_id),
  CONSTRAINT plan_lock_window CHECK (from_at <= to_at)
);
