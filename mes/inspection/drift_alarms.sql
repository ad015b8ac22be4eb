-- standing --
-- Of one camera, or of all.
SELECT id, camera, measure, model_name, model_version, model_sha256, raised_at, distance, most, confirmed_at,
       confirmed_by, comment, ended_at, ended_by
  FROM drift_alarm WHERE ended_at IS NULL AND (%(camera)s::text IS NULL OR camera = %(camera)s)
 ORDER BY camera, measure

-- standing_for_change --
SELECT id, camera, measure, model_name, model_version, model_sha256, raised_at, distance, most, confirmed_at,
       confirmed_by, comment, ended_at, ended_by
  FROM drift_alarm WHERE ended_at IS NULL AND (%(camera)s::text IS NULL OR camera = %(camera)s)
 ORDER BY camera, measure FOR UPDATE

-- over --
-- What a camera had before, the newest first.
SELECT id, camera, measure, model_name, model_version, model_sha256, raised_at, distance, most, confirmed_at,
       confirmed_by, comment, ended_at, ended_by
  FROM drift_alarm WHERE camera = %(camera)s AND ended_at IS NOT NULL
 ORDER BY raised_at DESC, id DESC LIMIT %(limit)s

-- save --
INSERT INTO drift_alarm (id, camera, measure, model_name, model_version, model_sha256, raised_at, distance, most,
                         confirmed_at, confirmed_by, comment, ended_at, ended_by)
VALUES (%(id)s, %(camera)s, %(measure)s, %(model_name)s, %(model_version)s, %(model_sha256)s, %(raised_at)s,
        %(distance)s, %(most)s, %(confirmed_at)s, %(confirmed_by)s, %(comment)s, %(ended_at)s, %(ended_by)s)
ON CONFLICT (id) DO UPDATE
   SET distance = excluded.distance, most = excluded.most, confirmed_at = excluded.confirmed_at,
       confirmed_by = excluded.confirmed_by, comment = excluded.comment, ended_at = excluded.ended_at,
       ended_by = excluded.ended_by
