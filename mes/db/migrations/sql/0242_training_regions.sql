-- Regions of defects that people confirmed, each with its defect code: as somebody drew or corrected them, or as the
-- model marked them and nobody changed them. A picture that was found later to show a defect has drawn ones only.
CREATE VIEW reviewed_region AS
SELECT i.id AS inspection_id, i.camera, i.variant, i.triggered_at, i.image_sha256, i.image_w, i.image_h,
       i.reviewed_regions IS NOT NULL AS drawn, r.place,
       (r.region->>'x')::integer AS x, (r.region->>'y')::integer AS y,
       (r.region->>'w')::integer AS w, (r.region->>'h')::integer AS h,
       coalesce(nullif(r.region->>'label', ''), i.defect_code) AS code
  FROM inspection AS i
 CROSS JOIN LATERAL jsonb_array_elements(coalesce(i.reviewed_regions, i.regions))
         WITH ORDINALITY AS r (region, place)
 WHERE i.image_w IS NOT NULL AND i.verdict IN ('OK', 'NOK')
   AND (i.review = 'confirmed' OR (i.review = 'escape' AND i.reviewed_regions IS NOT NULL));

-- A training learns from good pictures alone, or from regions too: those that people drew, or also those that a
-- model marked and a person confirmed. `epochs`: how often each picture is shown; null: as the library sees fit.
ALTER TABLE vision_training
  ADD COLUMN regions text NOT NULL DEFAULT 'none' CHECK (regions IN ('none', 'drawn', 'confirmed')),
  ADD COLUMN epochs integer CHECK (epochs BETWEEN 1 AND 200);
-- The regions of a picture as they were when the training was asked for; null: it has none that teach.
ALTER TABLE vision_training_picture ADD COLUMN drawn jsonb;
