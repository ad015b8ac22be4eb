-- Model packages and where each stands on its way to the line. The bytes of a package are a file named by
-- its hash, beside the pictures.
CREATE TABLE vision_model (
  package_sha256   text PRIMARY KEY CHECK (package_sha256 ~ '^[0-9a-f]{64}$'),
  name             text NOT NULL,
  version          text NOT NULL,
  shop             text NOT NULL,
  model_sha256     text NOT NULL CHECK (model_sha256 ~ '^[0-9a-f]{64}$'),
  data_sha256      text NOT NULL,
  pipeline_version text NOT NULL,
  licence          text NOT NULL,
  parents          text[] NOT NULL,
  bytes            integer NOT NULL CHECK (bytes > 0),
  manifest         jsonb NOT NULL,
  registered_at    timestamptz NOT NULL,
  registered_by    text NOT NULL
);

-- A model at a camera: one may be on trial (shadow, then canary) beside the active one. Without an active
-- row the package that ships for the camera's scene judges.
CREATE TABLE vision_rollout (
  id             uuid PRIMARY KEY,
  camera         text NOT NULL,
  package_sha256 text NOT NULL REFERENCES vision_model,
  state          text NOT NULL CHECK (state IN ('shadow', 'canary', 'active', 'retired')),
  began_at       timestamptz NOT NULL,
  changed_at     timestamptz NOT NULL,
  changed_by     text NOT NULL,
  reason         text,
  followed       uuid REFERENCES vision_rollout
);
CREATE UNIQUE INDEX vision_rollout_active ON vision_rollout (camera) WHERE state = 'active';
CREATE UNIQUE INDEX vision_rollout_trial ON vision_rollout (camera) WHERE state IN ('shadow', 'canary');
CREATE INDEX vision_rollout_camera ON vision_rollout (camera, changed_at);

-- What the other model said of the same picture.
CREATE TABLE inspection_beside (
  inspection_id  uuid PRIMARY KEY,
  camera         text NOT NULL,
  package_sha256 text NOT NULL,
  judged_by      text NOT NULL,
  verdict        text NOT NULL CHECK (verdict IN ('OK', 'NOK', 'UNFIT')),
  score          double precision NOT NULL CHECK (score BETWEEN 0 AND 1),
  threshold      double precision NOT NULL CHECK (threshold BETWEEN 0 AND 1),
  regions        jsonb NOT NULL DEFAULT '[]',
  ms             double precision NOT NULL,
  triggered_at   timestamptz NOT NULL
);
CREATE INDEX inspection_beside_camera ON inspection_beside (camera, triggered_at);
