-- Judged pictures. The bytes of a picture are a file named by its hash; until it is here, it is still at
-- the line (`image_stored_at` is null).
CREATE TABLE inspection (
  id               uuid PRIMARY KEY,
  line             text NOT NULL,
  station          text NOT NULL,
  camera           text NOT NULL,
  counter          bigint NOT NULL,
  body_id          uuid,
  lot              text,
  job_order_id     uuid,
  variant          text NOT NULL,
  verdict          text NOT NULL CHECK (verdict IN ('OK', 'NOK', 'UNFIT', 'LATE')),
  score            double precision NOT NULL CHECK (score BETWEEN 0 AND 1),
  threshold        double precision NOT NULL CHECK (threshold BETWEEN 0 AND 1),
  defect_kind      text,
  regions          jsonb NOT NULL DEFAULT '[]',
  reason           text,
  image_sha256     text CHECK (image_sha256 ~ '^[0-9a-f]{64}$'),
  image_w          integer,
  image_h          integer,
  model_name       text NOT NULL,
  model_version    text NOT NULL,
  model_sha256     text NOT NULL,
  pipeline_version text NOT NULL,
  triggered_at     timestamptz NOT NULL,
  decided_at       timestamptz NOT NULL,
  deadline_at      timestamptz NOT NULL,
  inference_ms     double precision NOT NULL,
  total_ms         double precision NOT NULL,
  accepted         boolean NOT NULL,
  review           text CHECK (review IN ('confirmed', 'false_call', 'escape')),
  defect_code      text,
  reviewed_by      text,
  reviewed_at      timestamptz,
  CHECK ((review IS NULL) = (reviewed_by IS NULL) AND (review IS NULL) = (reviewed_at IS NULL))
);
CREATE INDEX inspection_body ON inspection (body_id, triggered_at) WHERE body_id IS NOT NULL;
CREATE INDEX inspection_lot ON inspection (lot, triggered_at) WHERE lot IS NOT NULL;
CREATE INDEX inspection_camera ON inspection (camera, variant, triggered_at);
CREATE INDEX inspection_recent ON inspection (triggered_at);
CREATE INDEX inspection_by_image ON inspection (image_sha256) WHERE image_sha256 IS NOT NULL;

CREATE TABLE inspection_image (
  sha256    text PRIMARY KEY CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  bytes     integer NOT NULL CHECK (bytes > 0),
  media     text NOT NULL CHECK (media IN ('image/jpeg', 'image/png')),
  stored_at timestamptz NOT NULL
);
