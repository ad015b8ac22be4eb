-- take --
-- What a line tells; older news than is known, which comes again after a restore, changes nothing.
INSERT INTO loaded_recipe AS known (line, station, variant, version, told_at)
VALUES (%(line)s, %(station)s, %(variant)s, %(version)s, %(told_at)s)
ON CONFLICT (line, station, variant) DO UPDATE SET version = excluded.version, told_at = excluded.told_at
 WHERE known.told_at IS NULL OR known.told_at <= excluded.told_at

-- expect --
-- What was loaded by hand, and over which recipe of the plant file.
INSERT INTO loaded_recipe (line, station, variant, asked, asked_over)
VALUES (%(line)s, %(station)s, %(variant)s, %(asked)s, %(asked_over)s)
ON CONFLICT (line, station, variant) DO UPDATE SET asked = excluded.asked, asked_over = excluded.asked_over

-- known --
SELECT line, station, variant, version, told_at, asked, asked_over
  FROM loaded_recipe WHERE %(line)s::text IS NULL OR line = %(line)s
