-- Die lots and weld starts are locked like cars, and a bar may be put in time with no end to its window. A lot lives in
-- no table of its own: its lock says of what it is, so that every plan makes it.
ALTER TABLE plan_lock
  ALTER COLUMN order_id DROP NOT NULL,
  ALTER COLUMN order_number DROP NOT NULL,
  ALTER COLUMN to_at DROP NOT NULL,
  ADD COLUMN subject_id uuid,
  ADD COLUMN lot_id text,
  ADD COLUMN panel text,
  ADD COLUMN quantity integer,
  ADD CONSTRAINT plan_lock_subject CHECK (
    CASE WHEN lot_id IS NULL THEN order_id IS NOT NULL AND order_number IS NOT NULL
         ELSE order_id IS NULL AND panel IS NOT NULL AND quantity > 0 END),
  DROP CONSTRAINT plan_lock_once;
UPDATE plan_lock SET subject_id = order_id;
ALTER TABLE plan_lock
  ALTER COLUMN subject_id SET NOT NULL,
  ADD CONSTRAINT plan_lock_once UNIQUE (site, line, subject_id);
COMMENT ON COLUMN plan_lock.to_at IS 'NULL: it only does not start before.';
COMMENT ON COLUMN plan_lock.subject_id IS 'The order, or the die lot as job orders know it.';
