-- choice --
-- What a camera's pictures of a stretch of time are, by what people said of them.
SELECT count(*) FILTER (WHERE here AND review = 'false_call')::integer AS good,
       count(*) FILTER (WHERE here AND review IS NULL AND verdict = 'OK')::integer AS assumed,
       count(*) FILTER (WHERE here AND review IN ('confirmed', 'escape'))::integer AS defects,
       count(*) FILTER (WHERE here AND review IS NULL AND verdict = 'NOK')::integer AS unreviewed,
       count(*) FILTER (WHERE NOT here)::integer AS not_here
  FROM (SELECT i.verdict, i.review, m.sha256 IS NOT NULL AS here
          FROM inspection AS i LEFT JOIN inspection_image AS m ON m.sha256 = i.image_sha256
         WHERE i.camera = %(camera)s AND i.verdict IN ('OK', 'NOK')
           AND i.triggered_at >= %(from_at)s AND i.triggered_at < %(to_at)s
           AND (%(variant)s::text IS NULL OR i.variant = %(variant)s)) AS seen

-- defect_kinds --
-- The reviewed defects of a camera's pictures, by kind.
SELECT coalesce(i.defect_code, i.defect_kind, '') AS kind, count(*)::integer AS pictures
  FROM inspection AS i JOIN inspection_image AS m ON m.sha256 = i.image_sha256
 WHERE i.camera = %(camera)s AND i.verdict IN ('OK', 'NOK') AND i.review IN ('confirmed', 'escape')
   AND i.triggered_at >= %(from_at)s AND i.triggered_at < %(to_at)s
   AND (%(variant)s::text IS NULL OR i.variant = %(variant)s)
 GROUP BY 1 ORDER BY 2 DESC, 1

-- taught --
-- What the regions of each picture of a defect are, by their codes; null where one of them has none.
SELECT CASE WHEN bool_and(r.code IS NOT NULL) THEN array_agg(r.code ORDER BY r.place) END AS codes
  FROM reviewed_region AS r JOIN inspection_image AS m ON m.sha256 = r.image_sha256
 WHERE r.camera = %(camera)s AND r.triggered_at >= %(from_at)s AND r.triggered_at < %(to_at)s
   AND (%(variant)s::text IS NULL OR r.variant = %(variant)s) AND (r.drawn OR %(confirmed)s)
 GROUP BY r.inspection_id, r.triggered_at ORDER BY r.triggered_at DESC LIMIT %(most)s

-- to_export --
-- The newest pictures that people reviewed: defects with their regions, and good ones, which have none.
WITH defect AS (
  SELECT r.inspection_id, r.image_sha256, r.image_w, r.image_h, r.triggered_at,
         jsonb_agg(jsonb_build_object('x', r.x, 'y', r.y, 'w', r.w, 'h', r.h, 'code', r.code)
                   ORDER BY r.place) AS drawn
    FROM reviewed_region AS r JOIN inspection_image AS m ON m.sha256 = r.image_sha256
   WHERE r.camera = %(camera)s AND r.triggered_at >= %(from_at)s AND r.triggered_at < %(to_at)s
     AND (%(variant)s::text IS NULL OR r.variant = %(variant)s) AND (r.drawn OR %(confirmed)s)
   GROUP BY r.inspection_id, r.image_sha256, r.image_w, r.image_h, r.triggered_at
  HAVING bool_and(r.code IS NOT NULL)
   ORDER BY r.triggered_at DESC LIMIT %(most_defects)s),
good AS (
  SELECT i.id AS inspection_id, i.image_sha256, i.image_w, i.image_h, i.triggered_at, '[]'::jsonb AS drawn
    FROM inspection AS i JOIN inspection_image AS m ON m.sha256 = i.image_sha256
   WHERE i.camera = %(camera)s AND i.triggered_at >= %(from_at)s AND i.triggered_at < %(to_at)s
     AND (%(variant)s::text IS NULL OR i.variant = %(variant)s)
     AND i.review = 'false_call' AND i.image_w IS NOT NULL
   ORDER BY i.triggered_at DESC LIMIT %(most_good)s)
SELECT inspection_id, image_sha256, image_w, image_h, triggered_at, drawn FROM defect
 UNION ALL
SELECT inspection_id, image_sha256, image_w, image_h, triggered_at, drawn FROM good
 ORDER BY triggered_at, inspection_id

-- variants --
-- What passed a camera in a stretch of time.
SELECT variant, count(*)::integer AS pictures FROM inspection
 WHERE camera = %(camera)s AND triggered_at >= %(from_at)s AND triggered_at < %(to_at)s AND variant <> '*'
 GROUP BY variant ORDER BY variant

-- add --
INSERT INTO vision_training (id, camera, scene, variant, from_at, to_at, assumed_good, target_overkill,
                             target_escape, regions, epochs, state, asked_by, asked_at)
VALUES (%(id)s, %(camera)s, %(scene)s, %(variant)s, %(from_at)s, %(to_at)s, %(assumed_good)s,
        %(target_overkill)s, %(target_escape)s, %(regions)s, %(epochs)s, %(state)s, %(asked_by)s, %(asked_at)s)

-- add_pictures --
-- The newest pictures of each truth, those with regions and reviewed ones first; the same bytes count once.
INSERT INTO vision_training_picture (training_id, inspection_id, image_sha256, truth, reviewed, kind, use, drawn)
SELECT %(id)s, id, image_sha256, truth, reviewed, kind, 'learn', drawn
  FROM (SELECT once.*, row_number() OVER (
                 PARTITION BY truth ORDER BY drawn IS NOT NULL DESC, reviewed DESC, triggered_at DESC) AS place
          FROM (SELECT DISTINCT ON (i.image_sha256) i.id, i.image_sha256, i.triggered_at,
                       CASE WHEN i.review IN ('confirmed', 'escape') THEN 'defect' ELSE 'good' END AS truth,
                       i.review IS NOT NULL AS reviewed, coalesce(i.defect_code, i.defect_kind) AS kind,
                       d.drawn
                  FROM inspection AS i JOIN inspection_image AS m ON m.sha256 = i.image_sha256
                  LEFT JOIN LATERAL (
                    SELECT jsonb_agg(jsonb_build_object('x', r.x, 'y', r.y, 'w', r.w, 'h', r.h, 'code', r.code)
                                     ORDER BY r.place) AS drawn
                      FROM reviewed_region AS r
                     WHERE r.inspection_id = i.id AND %(regions)s <> 'none'
                       AND (r.drawn OR %(regions)s = 'confirmed')
                    HAVING bool_and(r.code IS NOT NULL)) AS d ON true
                 WHERE i.camera = %(camera)s AND i.verdict IN ('OK', 'NOK')
                   AND i.triggered_at >= %(from_at)s AND i.triggered_at < %(to_at)s
                   AND (%(variant)s::text IS NULL OR i.variant = %(variant)s)
                   AND (i.review IS NOT NULL OR (%(assumed_good)s AND i.verdict = 'OK'))
                 ORDER BY i.image_sha256, i.review IS NOT NULL DESC, i.triggered_at DESC) AS once) AS ranked
 WHERE place <= CASE truth WHEN 'good' THEN %(most_good)s::int ELSE %(most_defects)s::int END

-- training --
SELECT id, camera, scene, variant, from_at, to_at, assumed_good, target_overkill, target_escape, regions,
       epochs, state, progress, stop_asked, failure, figures, package_sha256, asked_by, asked_at, ended_at
  FROM vision_training WHERE id = %(id)s

-- training_for_change --
SELECT id, camera, scene, variant, from_at, to_at, assumed_good, target_overkill, target_escape, regions,
       epochs, state, progress, stop_asked, failure, figures, package_sha256, asked_by, asked_at, ended_at
  FROM vision_training WHERE id = %(id)s FOR UPDATE

-- newest --
SELECT id, camera, scene, variant, from_at, to_at, assumed_good, target_overkill, target_escape, regions,
       epochs, state, progress, stop_asked, failure, figures, package_sha256, asked_by, asked_at, ended_at
  FROM vision_training ORDER BY asked_at DESC, id DESC LIMIT %(limit)s

-- save --
UPDATE vision_training
   SET state = %(state)s, stop_asked = %(stop_asked)s, failure = %(failure)s::jsonb,
       figures = %(figures)s::jsonb, package_sha256 = %(package_sha256)s, ended_at = %(ended_at)s
 WHERE id = %(id)s

-- save_progress --
UPDATE vision_training SET progress = %(progress)s::jsonb WHERE id = %(id)s RETURNING stop_asked

-- without_job --
-- Trainings that should run and that nobody runs or will run any more: their workers ended again and again.
SELECT id FROM vision_training
 WHERE state IN ('examining', 'training')
   AND NOT EXISTS (SELECT FROM procrastinate_jobs AS j
                    WHERE j.task_name = 'inspection.training'
                      AND j.args->>'training_id' = vision_training.id::text
                      AND j.status IN ('todo', 'doing', 'aborting'))

-- pictures --
SELECT p.inspection_id, p.image_sha256, m.sha256 IS NOT NULL AS image_is_here, i.image_w, i.image_h,
       i.triggered_at, p.truth, p.reviewed, p.kind, p.use, p.twins, p.findings, p.drawn, p.old, p.new
  FROM vision_training_picture AS p JOIN inspection AS i ON i.id = p.inspection_id
  LEFT JOIN inspection_image AS m ON m.sha256 = p.image_sha256
 WHERE p.training_id = %(id)s ORDER BY i.triggered_at, p.inspection_id

-- save_pictures --
-- What is to be done with each picture, what was found on it, what two models said of it.
UPDATE vision_training_picture AS p
   SET use = one.use, twins = one.twins, findings = one.findings, old = one.old, new = one.new
  FROM jsonb_to_recordset(%(rows)s::jsonb)
    AS one (inspection_id uuid, use text, twins integer, findings text[], old jsonb, new jsonb)
 WHERE p.training_id = %(id)s AND p.inspection_id = one.inspection_id
