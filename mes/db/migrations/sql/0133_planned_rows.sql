-- A version of the plan writes only the operations that it changes, so no row says which version it is of: the
-- check of that reference for every row of every repair grew with the number of versions.
ALTER TABLE planned_operation DROP COLUMN plan_id;
