-- due --
-- Reviewed pictures of others that a second person has not judged: the same share of all, chosen by their id.
SELECT i.id FROM inspection AS i JOIN inspection_image AS m ON m.sha256 = i.image_sha256
 WHERE i.review IN ('confirmed', 'false_call') AND i.reviewed_by <> %(reader)s AND i.reviewed_at >= %(since_at)s
   AND ('x' || left(md5(i.id::text), 6))::bit(24)::integer < %(share)s * 16777216
   AND NOT EXISTS (SELECT FROM second_look AS s WHERE s.inspection_id = i.id)
 ORDER BY i.reviewed_at, i.id LIMIT %(limit)s

-- reviewed --
-- What the first reviewer said; the row is locked until the second one's word is kept.
SELECT review = 'confirmed' AS defect, coalesce(defect_code, defect_kind) AS code, defect_kind AS named,
       reviewed_by AS by
  FROM inspection WHERE id = %(id)s AND review IN ('confirmed', 'false_call') FOR UPDATE

-- add --
INSERT INTO second_look (inspection_id, first_defect, first_code, first_by, defect, code, by, looked_at)
VALUES (%(id)s, %(first_defect)s, %(first_code)s, %(first_by)s, %(defect)s, %(code)s, %(by)s, %(looked_at)s)
ON CONFLICT (inspection_id) DO NOTHING

-- take_back --
DELETE FROM second_look WHERE inspection_id = %(id)s AND by = %(by)s

-- forget --
DELETE FROM second_look WHERE inspection_id = %(id)s

-- since --
SELECT inspection_id, first_defect, first_code, first_by, defect, code, by, looked_at FROM second_look
 WHERE looked_at >= %(since_at)s ORDER BY looked_at, inspection_id
