-- beside --
-- Pictures of the same camera and variant before one: the newest good one (golden) and what came before it.
SELECT id, image_sha256, image_w, image_h, verdict, score, review, regions, triggered_at, golden
  FROM ((SELECT i.id, i.image_sha256, i.image_w, i.image_h, i.verdict, i.score, i.review,
                coalesce(i.reviewed_regions, i.regions) AS regions, i.triggered_at, true AS golden
           FROM inspection AS i JOIN inspection_image AS p ON p.sha256 = i.image_sha256
          WHERE i.camera = %(camera)s AND i.variant = %(variant)s AND i.verdict = 'OK'
            AND coalesce(i.review, '') <> 'escape' AND i.triggered_at < %(before)s
          ORDER BY i.score, i.triggered_at DESC LIMIT 1)
         UNION ALL
        (SELECT i.id, i.image_sha256, i.image_w, i.image_h, i.verdict, i.score, i.review,
                coalesce(i.reviewed_regions, i.regions), i.triggered_at, false
           FROM inspection AS i JOIN inspection_image AS p ON p.sha256 = i.image_sha256
          WHERE i.camera = %(camera)s AND i.variant = %(variant)s AND i.triggered_at < %(before)s
          ORDER BY i.triggered_at DESC LIMIT 6)) AS pictures
 ORDER BY golden DESC, triggered_at DESC

-- holds --
-- Holds under filters that may be empty, newest first.
SELECT h.id, h.body_id, h.rack, h.line, h.inspection_id, h.cause, h.defect_kind, h.risk, h.state, h.disposition,
       h.reason, h.reviewer, h.placed_at, h.decided_at, h.closed_at, h.last_event_id,
       b.number AS body_number, b.place, b.line AS body_line, b.station, b.store, b.bay,
       o.number AS order_number, r.work_s, r.state AS rework_state, r.bay AS rework_bay, r.review_by_at
  FROM hold AS h
  LEFT JOIN body AS b ON b.id = h.body_id
  LEFT JOIN customer_order AS o ON o.id = h.order_id
  LEFT JOIN LATERAL (SELECT work_s, state, bay, review_by_at FROM rework WHERE rework.hold_id = h.id
                      ORDER BY opened_at DESC LIMIT 1) AS r ON true
 WHERE (%(state)s::text IS NULL OR h.state = %(state)s)
   AND (%(line)s::text IS NULL OR h.line = %(line)s)
   AND (%(kind)s::text IS NULL OR h.defect_kind = %(kind)s)
 ORDER BY h.placed_at DESC
 LIMIT %(limit)s OFFSET %(offset)s

-- holds_count --
SELECT count(*)::int FROM hold AS h
 WHERE (%(state)s::text IS NULL OR h.state = %(state)s)
   AND (%(line)s::text IS NULL OR h.line = %(line)s)
   AND (%(kind)s::text IS NULL OR h.defect_kind = %(kind)s)

-- kinds --
-- Defects of the last days by kind, for the filter and the Pareto.
SELECT defect_kind AS kind, count(*)::int AS n FROM hold
 WHERE defect_kind IS NOT NULL AND placed_at >= %(since)s
 GROUP BY defect_kind ORDER BY n DESC, defect_kind

-- pace --
-- What a reviewer has decided since a moment.
SELECT count(*)::int FROM hold WHERE reviewer = %(reviewer)s AND decided_at >= %(since)s

-- body_numbers --
SELECT b.id, o.number AS order_number, o.promised_at FROM body AS b JOIN customer_order AS o ON o.id = b.order_id
 WHERE b.id = ANY(%(ids)s)

-- inspection_hold --
SELECT id, state FROM hold WHERE inspection_id = %(id)s ORDER BY placed_at DESC LIMIT 1

-- judged --
-- What a model version judged, newest first: part, picture, reviewer, what became of it.
SELECT i.id, i.triggered_at, i.line, i.camera, i.variant, i.lot, i.verdict, i.score, i.threshold, i.pipeline_version,
       i.review, i.reviewed_by, i.defect_code, i.defect_kind, b.number AS body_number, o.number AS order_number,
       o.vin, h.state AS hold_state, h.disposition, h.reviewer AS decided_by
  FROM inspection AS i
  LEFT JOIN body AS b ON b.id = i.body_id
  LEFT JOIN customer_order AS o ON o.id = b.order_id
  LEFT JOIN LATERAL (SELECT state, disposition, reviewer FROM hold WHERE hold.inspection_id = i.id
                      ORDER BY placed_at DESC LIMIT 1) AS h ON true
 WHERE i.model_sha256 = %(model)s AND i.model_version = %(version)s
   AND (%(camera)s::text IS NULL OR i.camera = %(camera)s)
   AND (%(verdict)s::text IS NULL OR i.verdict = %(verdict)s)
   AND (%(review)s::text IS NULL OR i.review = %(review)s)
 ORDER BY i.triggered_at DESC, i.id
 LIMIT %(limit)s OFFSET %(offset)s

-- judged_count --
SELECT count(*)::int FROM inspection AS i
 WHERE i.model_sha256 = %(model)s AND i.model_version = %(version)s
   AND (%(camera)s::text IS NULL OR i.camera = %(camera)s)
   AND (%(verdict)s::text IS NULL OR i.verdict = %(verdict)s)
   AND (%(review)s::text IS NULL OR i.review = %(review)s)

-- judged_by --
-- What a model version is called and where it judged.
SELECT min(model_name) AS name, array_agg(DISTINCT camera ORDER BY camera) AS cameras FROM inspection
 WHERE model_sha256 = %(model)s AND model_version = %(version)s
