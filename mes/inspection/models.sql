-- add_model --
-- The same package again changes nothing.
INSERT INTO vision_model (package_sha256, name, version, shop, model_sha256, data_sha256, pipeline_version,
                          licence, parents, bytes, manifest, registered_at, registered_by)
VALUES (%(package_sha256)s, %(name)s, %(version)s, %(shop)s, %(model_sha256)s, %(data_sha256)s,
        %(pipeline_version)s, %(licence)s, %(parents)s, %(bytes)s, %(manifest)s::jsonb, %(registered_at)s,
        %(registered_by)s)
ON CONFLICT (package_sha256) DO NOTHING

-- models --
SELECT package_sha256, name, version, shop, model_sha256, data_sha256, pipeline_version, licence, parents,
       bytes, manifest, registered_at, registered_by
  FROM vision_model ORDER BY shop, registered_at DESC, version

-- model --
SELECT package_sha256, name, version, shop, model_sha256, data_sha256, pipeline_version, licence, parents,
       bytes, manifest, registered_at, registered_by
  FROM vision_model WHERE package_sha256 = %(package_sha256)s

-- save_rollout --
INSERT INTO vision_rollout (id, camera, package_sha256, state, began_at, changed_at, changed_by, reason, followed,
                            every)
VALUES (%(id)s, %(camera)s, %(package_sha256)s, %(state)s, %(began_at)s, %(changed_at)s, %(changed_by)s,
        %(reason)s, %(followed)s, %(every)s)
ON CONFLICT (id) DO UPDATE
   SET state = excluded.state, changed_at = excluded.changed_at, changed_by = excluded.changed_by,
       reason = excluded.reason, followed = excluded.followed, every = excluded.every

-- in_force --
SELECT id, camera, package_sha256, state, began_at, changed_at, changed_by, reason, followed, every
  FROM vision_rollout WHERE state <> 'retired' ORDER BY camera

-- in_force_for_update --
SELECT id, camera, package_sha256, state, began_at, changed_at, changed_by, reason, followed, every
  FROM vision_rollout WHERE camera = %(camera)s AND state <> 'retired' FOR UPDATE

-- take_turns_at_camera --
-- Held to the end of the transaction, so that two people do not begin two trials at a camera.
SELECT pg_advisory_xact_lock(hashtextextended('camera:' || %(camera)s, 0))

-- pipeline_on_trial --
SELECT n.name || ' v' || p.number FROM vision_publication AS p JOIN vision_pipeline AS n ON n.id = p.pipeline_id
 WHERE p.camera = %(camera)s AND p.state IN ('shadow', 'canary')

-- rollout --
SELECT id, camera, package_sha256, state, began_at, changed_at, changed_by, reason, followed, every
  FROM vision_rollout WHERE id = %(id)s

-- rollouts_of --
-- A camera's models, newest first.
SELECT id, camera, package_sha256, state, began_at, changed_at, changed_by, reason, followed, every
  FROM vision_rollout WHERE camera = %(camera)s ORDER BY changed_at DESC, id DESC LIMIT 50

-- taken_back --
-- Models that agents could not use, where nothing has changed at the camera since.
SELECT r.id, r.camera, r.package_sha256, r.state, r.began_at, r.changed_at, r.changed_by, r.reason, r.followed,
       r.every
  FROM vision_rollout AS r
 WHERE r.state = 'retired' AND r.changed_by = 'system'
   AND NOT EXISTS (SELECT 1 FROM vision_rollout AS later
                    WHERE later.camera = r.camera AND later.changed_at > r.changed_at)
 ORDER BY r.camera, r.id

-- add_beside --
INSERT INTO inspection_beside (inspection_id, camera, package_sha256, judged_by, verdict, score, threshold,
                               regions, measures, ms, triggered_at)
VALUES (%(inspection_id)s, %(camera)s, %(package_sha256)s, %(judged_by)s, %(verdict)s, %(score)s,
        %(threshold)s, %(regions)s::jsonb, %(measures)s::jsonb, %(ms)s, %(triggered_at)s)
ON CONFLICT (inspection_id) DO NOTHING

-- compared --
-- A model against what judged beside it on the same pictures, whichever of the two the line heard.
SELECT count(*)::integer AS pictures,
       count(*) FILTER (WHERE new <> 'OK' AND old <> 'OK')::integer AS both_nok,
       count(*) FILTER (WHERE new <> 'OK' AND old = 'OK')::integer AS new_alone,
       count(*) FILTER (WHERE new = 'OK' AND old <> 'OK')::integer AS old_alone,
       coalesce(avg(ms), 0)::double precision AS mean_ms
  FROM (SELECT CASE WHEN b.package_sha256 = %(package_sha256)s THEN b.verdict ELSE i.verdict END AS new,
               CASE WHEN b.package_sha256 = %(package_sha256)s THEN i.verdict ELSE b.verdict END AS old,
               CASE WHEN b.package_sha256 = %(package_sha256)s THEN b.ms ELSE i.inference_ms END AS ms
          FROM inspection_beside AS b JOIN inspection AS i ON i.id = b.inspection_id
         WHERE b.camera = %(camera)s AND %(package_sha256)s IN (b.package_sha256, b.judged_by)
           AND i.verdict <> 'LATE') AS pair

-- pairs --
-- The same pictures as two models judged them, those they differ on first, then the newest.
SELECT i.id, i.triggered_at, i.image_sha256, p.sha256 IS NOT NULL AS image_is_here, i.image_w, i.image_h,
       b.package_sha256 = %(package_sha256)s AS new_looked_on,
       i.verdict, i.score, i.threshold, i.regions, b.verdict AS beside_verdict, b.score AS beside_score,
       b.threshold AS beside_threshold, b.regions AS beside_regions, i.review,
       coalesce(s.measures, '[]') AS measures, b.measures AS beside_measures
  FROM inspection_beside AS b JOIN inspection AS i ON i.id = b.inspection_id
  LEFT JOIN inspection_steps AS s ON s.inspection_id = i.id
  LEFT JOIN inspection_image AS p ON p.sha256 = i.image_sha256
 WHERE b.camera = %(camera)s AND %(package_sha256)s IN (b.package_sha256, b.judged_by)
   AND i.verdict <> 'LATE'
 ORDER BY (i.verdict = 'OK') <> (b.verdict = 'OK') DESC, p.sha256 IS NOT NULL DESC, i.triggered_at DESC
 LIMIT %(limit)s

-- gauges_compared --
-- What the gauges of two pipelines read in the newest pictures that both judged; a gauge is known by node, kind and unit.
WITH pair AS (
  SELECT b.inspection_id, b.package_sha256 = %(package_sha256)s AS new_looked_on, b.measures AS beside,
         s.measures AS line
    FROM inspection_beside AS b JOIN inspection AS i ON i.id = b.inspection_id
    LEFT JOIN inspection_steps AS s ON s.inspection_id = b.inspection_id
   WHERE b.camera = %(camera)s AND %(package_sha256)s IN (b.package_sha256, b.judged_by)
     AND i.verdict <> 'LATE'
   ORDER BY b.triggered_at DESC LIMIT %(limit)s),
said AS (
  SELECT inspection_id, new_looked_on AS is_new, m.*
    FROM pair CROSS JOIN LATERAL jsonb_to_recordset(beside)
      AS m (node text, gauge text, unit text, value double precision, verdict text)
   UNION ALL
  SELECT inspection_id, NOT new_looked_on, m.*
    FROM pair CROSS JOIN LATERAL jsonb_to_recordset(line)
      AS m (node text, gauge text, unit text, value double precision, verdict text))
SELECT node, gauge, unit, count(old.verdict)::integer AS old_pictures, count(new.verdict)::integer AS new_pictures,
       avg(old.value) AS old_mean, avg(new.value) AS new_mean,
       count(new.value - old.value)::integer AS both, avg(new.value - old.value) AS difference,
       stddev_samp(new.value - old.value) AS spread, max(abs(new.value - old.value)) AS largest,
       count(*) FILTER (WHERE (new.verdict = 'OK') <> (old.verdict = 'OK'))::integer AS differ
  FROM (SELECT * FROM said WHERE NOT is_new) AS old
  FULL JOIN (SELECT * FROM said WHERE is_new) AS new USING (inspection_id, node, gauge, unit)
 GROUP BY node, gauge, unit ORDER BY node, gauge

-- recent_scores --
-- The scores of a camera's newest judged pictures by one model, oldest first; another version of the same graph
-- may have another threshold, and so other scores.
SELECT score FROM (
  SELECT score, triggered_at FROM inspection
   WHERE camera = %(camera)s AND verdict IN ('OK', 'NOK') AND model_sha256 = %(model_sha256)s
     AND model_version = %(model_version)s AND triggered_at >= %(since_at)s
   ORDER BY triggered_at DESC LIMIT %(limit)s) AS newest
 ORDER BY triggered_at

-- scores_before --
-- The scores of a camera's pictures by one model before an instant, oldest first, without the newest of them.
SELECT score FROM (
  SELECT score, triggered_at FROM inspection
   WHERE camera = %(camera)s AND verdict IN ('OK', 'NOK') AND model_sha256 = %(model_sha256)s
     AND model_version = %(model_version)s AND triggered_at <= %(before_at)s
   ORDER BY triggered_at DESC LIMIT %(limit)s OFFSET %(skip)s) AS newest
 ORDER BY triggered_at

-- recent_watch --
-- Where a camera's newest judged pictures lie among the good ones that their model was trained on.
SELECT watch FROM inspection
 WHERE camera = %(camera)s AND verdict IN ('OK', 'NOK') AND model_sha256 = %(model_sha256)s
   AND triggered_at >= %(since_at)s AND watch IS NOT NULL
 ORDER BY triggered_at DESC LIMIT %(limit)s

-- judging --
-- The model that judged last at each camera.
SELECT DISTINCT ON (camera) camera, model_name, model_version, model_sha256
  FROM inspection WHERE model_sha256 <> '' AND triggered_at >= %(since_at)s
 ORDER BY camera, triggered_at DESC
