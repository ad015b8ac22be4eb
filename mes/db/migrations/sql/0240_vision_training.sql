-- A camera's model is trained from reviewed pictures: what was asked, how it went, what came of it.
-- Times of pictures are plant time, as are those of the training.
CREATE TABLE vision_training (
  id              uuid PRIMARY KEY,
  camera          text NOT NULL,
  scene           text NOT NULL,
  variant         text,
  from_at         timestamptz NOT NULL,
  to_at           timestamptz NOT NULL,
  assumed_good    boolean NOT NULL,
  target_overkill double precision NOT NULL CHECK (target_overkill > 0 AND target_overkill < 1),
  target_escape   double precision CHECK (target_escape > 0 AND target_escape < 1),
  state           text NOT NULL
                  CHECK (state IN ('examining', 'examined', 'training', 'trained', 'failed', 'stopped')),
  progress        jsonb NOT NULL DEFAULT '{}',
  stop_asked      boolean NOT NULL DEFAULT false,
  failure         jsonb,
  figures         jsonb,
  package_sha256  text,
  asked_by        text NOT NULL,
  asked_at        timestamptz NOT NULL,
  ended_at        timestamptz,
  CHECK (to_at > from_at)
);
CREATE INDEX vision_training_asked ON vision_training (asked_at);

-- The pictures of a training, what people said of them, and what the old and the new model said.
CREATE TABLE vision_training_picture (
  training_id   uuid NOT NULL REFERENCES vision_training ON DELETE CASCADE,
  inspection_id uuid NOT NULL,
  image_sha256  text NOT NULL,
  truth         text NOT NULL CHECK (truth IN ('good', 'defect')),
  reviewed      boolean NOT NULL,
  kind          text,
  use           text NOT NULL CHECK (use IN ('learn', 'measure', 'left_out')),
  twins         integer,
  findings      text[] NOT NULL DEFAULT '{}',
  old           jsonb,
  new           jsonb,
  PRIMARY KEY (training_id, inspection_id)
);
CREATE INDEX vision_training_picture_image ON vision_training_picture (image_sha256);
