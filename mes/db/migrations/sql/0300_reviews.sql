-- What a reviewer drew: the regions of a picture as a person corrected them; null where nobody did.
ALTER TABLE inspection ADD COLUMN reviewed_regions jsonb;
ALTER TABLE inspection ADD CHECK (reviewed_regions IS NULL OR review IS NOT NULL);
CREATE INDEX inspection_reviewed ON inspection (reviewed_at) WHERE review IS NOT NULL;

-- Reviewed pictures that a second person judged blind: how far two reviewers agree. Plant time.
CREATE TABLE second_look (
  inspection_id uuid PRIMARY KEY REFERENCES inspection,
  first_defect  boolean NOT NULL,
  first_code    text,
  first_by      text NOT NULL,
  defect        boolean NOT NULL,
  code          text,
  by            text NOT NULL,
  looked_at     timestamptz NOT NULL,
  CHECK (by <> first_by)
);
CREATE INDEX second_look_when ON second_look (looked_at);

-- From a model version back to every part it judged.
CREATE INDEX inspection_model ON inspection (model_sha256, model_version, triggered_at DESC) WHERE model_sha256 <> '';
