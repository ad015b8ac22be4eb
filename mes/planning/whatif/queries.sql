-- Branches

-- add_snapshot --
INSERT INTO plan_snapshot (hash, site, at, facts, reference, starts, finishes)
VALUES (%(hash)s, %(site)s, %(at)s, %(facts)s, %(reference)s, %(starts)s::jsonb, %(finishes)s::jsonb)
ON CONFLICT (hash) DO NOTHING

-- snapshot --
SELECT hash, site, at, facts, reference, starts, finishes FROM plan_snapshot WHERE hash = %(hash)s

-- add_branch --
INSERT INTO plan_branch (id, site, name, state, snapshot, base_id, changes, created_by, created_at)
VALUES (%(id)s, %(site)s, %(name)s, 'open', %(snapshot)s, %(base_id)s, '[]', %(created_by)s, %(created_at)s)

-- branch --
SELECT id, site, name, state, snapshot, base_id, changes, kpis, unplaced, violations,
       outcome, failure, solved_s, plan_id, created_by, created_at, row_version
  FROM plan_branch WHERE id = %(id)s

-- branch_for_change --
SELECT id, site, name, state, snapshot, base_id, changes, kpis, unplaced, violations,
       outcome, failure, solved_s, plan_id, created_by, created_at, row_version
  FROM plan_branch WHERE id = %(id)s FOR UPDATE

-- branches --
SELECT id, site, name, state, snapshot, base_id, changes, kpis, unplaced, violations,
       outcome, failure, solved_s, plan_id, created_by, created_at, row_version
  FROM plan_branch WHERE site = %(site)s AND state <> 'discarded'
 ORDER BY created_at DESC LIMIT %(limit)s

-- branch_content --
SELECT problem, schedule FROM plan_branch WHERE id = %(id)s

-- save_branch --
UPDATE plan_branch
   SET state = %(state)s, changes = %(changes)s::jsonb, kpis = %(kpis)s::jsonb,
       unplaced = %(unplaced)s::jsonb, violations = %(violations)s::jsonb, outcome = %(outcome)s::jsonb,
       failure = %(failure)s, solved_s = %(solved_s)s, plan_id = %(plan_id)s, row_version = %(row_version)s
 WHERE id = %(id)s

-- save_content --
UPDATE plan_branch SET problem = %(problem)s, schedule = %(schedule)s WHERE id = %(id)s

-- forget_snapshots --
DELETE FROM plan_snapshot AS old
 WHERE old.at < %(before)s
   AND NOT EXISTS (SELECT 1 FROM plan_branch WHERE plan_branch.snapshot = old.hash)

-- forget_branches --
DELETE FROM plan_branch AS old
 WHERE old.created_at < %(before)s AND old.state IN ('discarded', 'failed', 'open')
   AND NOT EXISTS (SELECT 1 FROM plan_change WHERE plan_change.branch_id = old.id)

-- Changes that the live plan has

-- live_changes --
SELECT id, change, entered_by, entered_at, branch_id
  FROM plan_change WHERE site = %(site)s ORDER BY entered_at, id

-- changed_rules --
-- Changes of what the plant file says, oldest first.
SELECT change FROM plan_change
 WHERE site = %(site)s AND change->>'kind' IN ('rule', 'spacing', 'purge', 'batch')
 ORDER BY entered_at, id

-- add_live_change --
INSERT INTO plan_change (id, site, change, entered_by, entered_at, branch_id)
VALUES (%(id)s, %(site)s, %(change)s::jsonb, %(entered_by)s, %(entered_at)s, %(branch_id)s)

-- drop_live_change --
DELETE FROM plan_change WHERE id = %(id)s RETURNING change

-- planned_starts --
-- When the plan in force starts each car on the drum, and when it finishes it.
SELECT car_id, start_at, finish_at FROM planned_operation
 WHERE line = %(line)s AND car_id IS NOT NULL AND actual_start_at IS NULL
