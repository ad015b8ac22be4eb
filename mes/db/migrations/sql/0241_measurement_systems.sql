-- Studies of measurement systems (IATF 16949, MSA): do people and the camera's model judge alike, and rightly?
-- Times are plant time.
CREATE TABLE agreement_study (
  id            uuid PRIMARY KEY,
  title         text NOT NULL,
  camera        text NOT NULL,
  repeats       integer NOT NULL CHECK (repeats BETWEEN 2 AND 5),
  asked_by      text NOT NULL,
  asked_at      timestamptz NOT NULL,
  closed_at     timestamptz,
  model         text,
  model_failure text
);

-- The golden set: pictures of parts whose truth is known.
CREATE TABLE agreement_part (
  study_id      uuid NOT NULL REFERENCES agreement_study ON DELETE CASCADE,
  number        integer NOT NULL,
  inspection_id uuid NOT NULL,
  image_sha256  text NOT NULL,
  defect        boolean NOT NULL,
  kind          text,
  PRIMARY KEY (study_id, number)
);
CREATE INDEX agreement_part_image ON agreement_part (image_sha256);

-- What each appraiser said of each part at each trial; the model is one of them.
CREATE TABLE agreement_verdict (
  study_id  uuid NOT NULL,
  appraiser text NOT NULL,
  part      integer NOT NULL,
  trial     integer NOT NULL CHECK (trial > 0),
  defect    boolean NOT NULL,
  given_at  timestamptz NOT NULL,
  PRIMARY KEY (study_id, appraiser, trial, part),
  FOREIGN KEY (study_id, part) REFERENCES agreement_part (study_id, number) ON DELETE CASCADE
);

-- Repeated measurements of a gauge: part, appraiser, trial, value.
CREATE TABLE gauge_study (
  id        uuid PRIMARY KEY,
  title     text NOT NULL,
  unit      text NOT NULL,
  tolerance double precision CHECK (tolerance > 0),
  readings  jsonb NOT NULL,
  made_by   text NOT NULL,
  made_at   timestamptz NOT NULL
);
