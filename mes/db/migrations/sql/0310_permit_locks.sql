-- How many locked starts one repair may break without the planner; null: as many as it has to.
ALTER TABLE plan_permit ADD COLUMN max_locks integer CHECK (max_locks >= 0);
