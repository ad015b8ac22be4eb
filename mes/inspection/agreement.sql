-- candidates --
-- The pictures of a camera that people reviewed, newest first; the same bytes count once.
SELECT inspection_id, image_sha256, defect, kind, distance
  FROM (SELECT DISTINCT ON (i.image_sha256) i.id AS inspection_id, i.image_sha256,
               i.review IN ('confirmed', 'escape') AS defect, coalesce(i.defect_code, i.defect_kind) AS kind,
               abs(i.score - i.threshold) AS distance, i.triggered_at
          FROM inspection AS i JOIN inspection_image AS m ON m.sha256 = i.image_sha256
         WHERE i.camera = %(camera)s AND i.verdict IN ('OK', 'NOK') AND i.review IS NOT NULL
         ORDER BY i.image_sha256, i.triggered_at DESC) AS once
 ORDER BY triggered_at DESC LIMIT 2000

-- add --
INSERT INTO agreement_study (id, title, camera, repeats, asked_by, asked_at)
VALUES (%(id)s, %(title)s, %(camera)s, %(repeats)s, %(asked_by)s, %(asked_at)s)

-- add_parts --
INSERT INTO agreement_part (study_id, number, inspection_id, image_sha256, defect, kind)
SELECT %(id)s, one.number, one.inspection_id, one.image_sha256, one.defect, one.kind
  FROM jsonb_to_recordset(%(rows)s::jsonb)
    AS one (number integer, inspection_id uuid, image_sha256 text, defect boolean, kind text)

-- study --
SELECT id, title, camera, repeats, asked_by, asked_at, closed_at, model, model_failure
  FROM agreement_study WHERE id = %(id)s

-- study_for_change --
SELECT id, title, camera, repeats, asked_by, asked_at, closed_at, model, model_failure
  FROM agreement_study WHERE id = %(id)s FOR UPDATE

-- studies --
SELECT id, title, camera, repeats, asked_by, asked_at, closed_at, model, model_failure
  FROM agreement_study ORDER BY asked_at DESC, id DESC LIMIT 100

-- save --
UPDATE agreement_study
   SET closed_at = %(closed_at)s, model = %(model)s, model_failure = %(model_failure)s
 WHERE id = %(id)s

-- parts --
SELECT p.number, p.inspection_id, p.image_sha256, m.sha256 IS NOT NULL AS image_is_here, p.defect, p.kind
  FROM agreement_part AS p LEFT JOIN inspection_image AS m ON m.sha256 = p.image_sha256
 WHERE p.study_id = %(id)s ORDER BY p.number

-- given --
SELECT appraiser, part, trial, defect FROM agreement_verdict
 WHERE study_id = %(id)s ORDER BY appraiser, trial, part

-- count_of --
SELECT count(*)::integer FROM agreement_verdict
 WHERE study_id = %(id)s AND appraiser = %(appraiser)s

-- counts --
-- How many parts the studies have, and how many verdicts each appraiser has given, who began first first.
SELECT p.study_id, p.parts, v.appraiser, coalesce(v.verdicts, 0) AS verdicts
  FROM (SELECT study_id, count(*)::integer AS parts FROM agreement_part
         WHERE study_id = ANY(%(ids)s) GROUP BY study_id) AS p
  LEFT JOIN (SELECT study_id, appraiser, count(*)::integer AS verdicts, min(given_at) AS began_at
               FROM agreement_verdict WHERE study_id = ANY(%(ids)s) GROUP BY study_id, appraiser) AS v
    USING (study_id)
 ORDER BY p.study_id, v.began_at, v.appraiser

-- give --
INSERT INTO agreement_verdict (study_id, appraiser, part, trial, defect, given_at)
VALUES (%(id)s, %(appraiser)s, %(part)s, %(trial)s, %(defect)s, %(at)s)

-- take_back --
DELETE FROM agreement_verdict
 WHERE study_id = %(id)s AND appraiser = %(appraiser)s AND part = %(part)s AND trial = %(trial)s

-- forget_appraiser --
DELETE FROM agreement_verdict WHERE study_id = %(id)s AND appraiser = %(appraiser)s

-- add_gauge_study --
INSERT INTO gauge_study (id, title, unit, tolerance, readings, made_by, made_at)
VALUES (%(id)s, %(title)s, %(unit)s, %(tolerance)s, %(readings)s::jsonb, %(made_by)s, %(made_at)s)

-- gauge_study --
SELECT id, title, unit, tolerance, readings, made_by, made_at FROM gauge_study WHERE id = %(id)s

-- gauge_studies --
SELECT id, title, unit, tolerance, readings, made_by, made_at FROM gauge_study
 ORDER BY made_at DESC, id DESC LIMIT 100
