-- add --
-- A result that comes again changes nothing.
INSERT INTO inspection (id, line, station, camera, counter, body_id, lot, job_order_id, variant, verdict,
                        score, threshold, defect_kind, regions, reason, image_sha256, image_w, image_h,
                        model_name, model_version, model_sha256, pipeline_version, triggered_at,
                        decided_at, deadline_at, inference_ms, total_ms, accepted, watch)
VALUES (%(id)s, %(line)s, %(station)s, %(camera)s, %(counter)s, %(body_id)s, %(lot)s, %(job_order_id)s,
        %(variant)s, %(verdict)s, %(score)s, %(threshold)s, %(defect_kind)s, %(regions)s::jsonb,
        %(reason)s, %(image_sha256)s, %(image_w)s, %(image_h)s, %(model_name)s, %(model_version)s,
        %(model_sha256)s, %(pipeline_version)s, %(triggered_at)s, %(decided_at)s, %(deadline_at)s,
        %(inference_ms)s, %(total_ms)s, %(accepted)s, %(watch)s)
ON CONFLICT (id) DO NOTHING

-- exists --
SELECT 1 FROM inspection WHERE id = %(id)s

-- complete_late --
-- The picture of a request that the line had given up on: it explains the LATE row, which stays LATE.
UPDATE inspection
   SET job_order_id = %(job_order_id)s, variant = %(variant)s, score = %(score)s,
       threshold = %(threshold)s, defect_kind = %(defect_kind)s, regions = %(regions)s::jsonb,
       reason = %(reason)s, image_sha256 = %(image_sha256)s, image_w = %(image_w)s,
       image_h = %(image_h)s, model_name = %(model_name)s, model_version = %(model_version)s,
       model_sha256 = %(model_sha256)s, pipeline_version = %(pipeline_version)s,
       inference_ms = %(inference_ms)s, total_ms = %(total_ms)s, watch = %(watch)s
 WHERE id = %(late_id)s

-- of_request --
-- What is known of one request of a camera.
SELECT id, verdict, model_name FROM inspection
 WHERE camera = %(camera)s AND line = %(line)s AND counter = %(counter)s
   AND body_id IS NOT DISTINCT FROM %(body_id)s AND lot IS NOT DISTINCT FROM %(lot)s
   AND triggered_at > %(after)s
 ORDER BY triggered_at DESC LIMIT 1 FOR UPDATE

-- line_took_none --
UPDATE inspection SET verdict = 'LATE', accepted = false WHERE id = %(id)s

-- by_id --
SELECT i.id, i.line, i.station, i.camera, i.counter, i.body_id, i.lot, i.job_order_id, i.variant,
       i.verdict, i.score, i.threshold, i.defect_kind, i.regions, i.reason, i.image_sha256, i.image_w,
       i.image_h, m.sha256 IS NOT NULL AS image_is_here, i.model_name, i.model_version, i.model_sha256,
       i.pipeline_version, i.triggered_at, i.decided_at, i.deadline_at, i.inference_ms, i.total_ms,
       i.accepted, i.review, i.defect_code, i.reviewed_regions, i.reviewed_by, i.reviewed_at
  FROM inspection AS i LEFT JOIN inspection_image AS m ON m.sha256 = i.image_sha256
 WHERE i.id = %(id)s

-- by_ids --
SELECT i.id, i.line, i.station, i.camera, i.counter, i.body_id, i.lot, i.job_order_id, i.variant,
       i.verdict, i.score, i.threshold, i.defect_kind, i.regions, i.reason, i.image_sha256, i.image_w,
       i.image_h, m.sha256 IS NOT NULL AS image_is_here, i.model_name, i.model_version, i.model_sha256,
       i.pipeline_version, i.triggered_at, i.decided_at, i.deadline_at, i.inference_ms, i.total_ms,
       i.accepted, i.review, i.defect_code, i.reviewed_regions, i.reviewed_by, i.reviewed_at
  FROM inspection AS i LEFT JOIN inspection_image AS m ON m.sha256 = i.image_sha256
 WHERE i.id = ANY(%(ids)s)

-- of_body --
SELECT i.id, i.line, i.station, i.camera, i.counter, i.body_id, i.lot, i.job_order_id, i.variant,
       i.verdict, i.score, i.threshold, i.defect_kind, i.regions, i.reason, i.image_sha256, i.image_w,
       i.image_h, m.sha256 IS NOT NULL AS image_is_here, i.model_name, i.model_version, i.model_sha256,
       i.pipeline_version, i.triggered_at, i.decided_at, i.deadline_at, i.inference_ms, i.total_ms,
       i.accepted, i.review, i.defect_code, i.reviewed_regions, i.reviewed_by, i.reviewed_at
  FROM inspection AS i LEFT JOIN inspection_image AS m ON m.sha256 = i.image_sha256
 WHERE i.body_id = %(body_id)s ORDER BY i.triggered_at, i.id

-- recent --
-- The newest results, of one camera or of all.
SELECT i.id, i.line, i.station, i.camera, i.counter, i.body_id, i.lot, i.job_order_id, i.variant,
       i.verdict, i.score, i.threshold, i.defect_kind, i.regions, i.reason, i.image_sha256, i.image_w,
       i.image_h, m.sha256 IS NOT NULL AS image_is_here, i.model_name, i.model_version, i.model_sha256,
       i.pipeline_version, i.triggered_at, i.decided_at, i.deadline_at, i.inference_ms, i.total_ms,
       i.accepted, i.review, i.defect_code, i.reviewed_regions, i.reviewed_by, i.reviewed_at
  FROM inspection AS i LEFT JOIN inspection_image AS m ON m.sha256 = i.image_sha256
 WHERE %(camera)s::text IS NULL OR i.camera = %(camera)s
 ORDER BY i.triggered_at DESC, i.id LIMIT %(limit)s

-- last_good --
-- When any of these racks last had a panel that passed: what was filled since is in doubt.
SELECT max(triggered_at) FROM inspection
 WHERE lot = ANY(%(lots)s) AND verdict = 'OK' AND triggered_at < %(before)s

-- passed_at --
-- Pictures of a body at a line that were passed as good: those that a defect found later escaped.
SELECT id FROM inspection
 WHERE body_id = %(body_id)s AND line = %(line)s AND verdict = 'OK' AND review IS NULL

-- review --
UPDATE inspection
   SET review = %(review)s, defect_code = %(defect_code)s, reviewed_regions = %(regions)s::jsonb,
       reviewed_by = %(reviewed_by)s, reviewed_at = %(reviewed_at)s
 WHERE id = %(id)s

-- figures --
-- Verdicts by camera and what reviews made of them.
SELECT camera, line, count(*)::integer AS inspected,
       count(*) FILTER (WHERE verdict = 'NOK')::integer AS nok,
       count(*) FILTER (WHERE verdict = 'UNFIT')::integer AS unfit,
       count(*) FILTER (WHERE verdict = 'LATE')::integer AS late,
       count(*) FILTER (WHERE review = 'confirmed')::integer AS confirmed,
       count(*) FILTER (WHERE review = 'false_call')::integer AS false_calls,
       count(*) FILTER (WHERE review = 'escape')::integer AS escapes
  FROM inspection WHERE triggered_at >= %(since_at)s
 GROUP BY camera, line ORDER BY line, camera

-- add_image --
INSERT INTO inspection_image (sha256, bytes, media, stored_at)
VALUES (%(sha256)s, %(bytes)s, %(media)s, %(stored_at)s)
ON CONFLICT (sha256) DO NOTHING

-- image --
SELECT sha256, bytes, media FROM inspection_image WHERE sha256 = %(sha256)s

-- forget_good_images --
-- Old pictures that only good, unreviewed inspections refer to, and no training, study or pipeline; their files go with them.
DELETE FROM inspection_image
 WHERE sha256 IN (
   SELECT m.sha256 FROM inspection_image AS m
    WHERE m.stored_at < %(before)s
      AND NOT EXISTS (SELECT 1 FROM vision_pipeline_picture AS g WHERE g.sha256 = m.sha256)
      AND NOT EXISTS (SELECT 1 FROM inspection AS i
                       WHERE i.image_sha256 = m.sha256 AND (i.verdict <> 'OK' OR i.review IS NOT NULL))
      AND NOT EXISTS (SELECT 1 FROM vision_training_picture AS t WHERE t.image_sha256 = m.sha256)
      AND NOT EXISTS (SELECT 1 FROM agreement_part AS g WHERE g.image_sha256 = m.sha256)
    ORDER BY m.stored_at LIMIT %(limit)s)
RETURNING sha256, bytes, media
