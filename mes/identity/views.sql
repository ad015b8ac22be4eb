-- recent_changes --
-- Who changed what, newest first.
SELECT actor, action, subject, plant_at FROM audit_entry ORDER BY id DESC LIMIT %(limit)s
