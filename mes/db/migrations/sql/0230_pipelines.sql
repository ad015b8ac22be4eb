-- Pipelines that quality engineers draw, each saved state of them, and which one judges at a camera.
CREATE TABLE vision_pipeline (
  id          uuid PRIMARY KEY,
  name        text NOT NULL CONSTRAINT vision_pipeline_name UNIQUE CHECK (length(name) BETWEEN 1 AND 80),
  head        integer NOT NULL CHECK (head >= 1),
  created_at  timestamptz NOT NULL,
  created_by  text NOT NULL
);

-- `head` of the pipeline is its newest version, and what a save has to have seen.
CREATE TABLE vision_pipeline_version (
  pipeline_id    uuid NOT NULL REFERENCES vision_pipeline ON DELETE CASCADE,
  number         integer NOT NULL CHECK (number >= 1),
  content_sha256 text NOT NULL CHECK (content_sha256 ~ '^[0-9a-f]{64}$'),
  document       jsonb NOT NULL,
  can_run        boolean NOT NULL,
  note           text NOT NULL,
  saved_at       timestamptz NOT NULL,
  saved_by       text NOT NULL,
  PRIMARY KEY (pipeline_id, number)
);

-- Pictures that versions name (golden pictures, patterns): they are never dropped as old.
CREATE TABLE vision_pipeline_picture (
  pipeline_id uuid NOT NULL REFERENCES vision_pipeline ON DELETE CASCADE,
  sha256      text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  PRIMARY KEY (sha256, pipeline_id)
);

-- A version at a camera. Without a published row the camera's model judges alone. The bytes of the bundle are a
-- file named by its hash, beside the pictures.
CREATE TABLE vision_publication (
  id             uuid PRIMARY KEY,
  camera         text NOT NULL,
  pipeline_id    uuid NOT NULL,
  number         integer NOT NULL,
  content_sha256 text NOT NULL CHECK (content_sha256 ~ '^[0-9a-f]{64}$'),
  bundle_sha256  text NOT NULL CHECK (bundle_sha256 ~ '^[0-9a-f]{64}$'),
  state          text NOT NULL CHECK (state IN ('published', 'retired')),
  began_at       timestamptz NOT NULL,
  changed_at     timestamptz NOT NULL,
  changed_by     text NOT NULL,
  reason         text,
  followed       uuid REFERENCES vision_publication,
  FOREIGN KEY (pipeline_id, number) REFERENCES vision_pipeline_version
);
CREATE UNIQUE INDEX vision_publication_published ON vision_publication (camera) WHERE state = 'published';
CREATE INDEX vision_publication_camera ON vision_publication (camera, changed_at);
CREATE INDEX vision_publication_bundle ON vision_publication (bundle_sha256);

-- What the nodes of a pipeline said of a picture, beside its verdict.
CREATE TABLE inspection_steps (
  inspection_id uuid PRIMARY KEY,
  measures      jsonb NOT NULL,
  step_ms       jsonb NOT NULL
);
