-- A pipeline looks on (shadow) and judges a share of the parts (canary) before it is published; so does a model.
ALTER TABLE vision_publication DROP CONSTRAINT vision_publication_state_check;
ALTER TABLE vision_publication ADD CONSTRAINT vision_publication_state_check
  CHECK (state IN ('shadow', 'canary', 'published', 'retired'));
ALTER TABLE vision_publication ADD COLUMN every integer NOT NULL DEFAULT 5 CHECK (every BETWEEN 2 AND 100);
ALTER TABLE vision_rollout ADD COLUMN every integer NOT NULL DEFAULT 5 CHECK (every BETWEEN 2 AND 100);
CREATE UNIQUE INDEX vision_publication_trial ON vision_publication (camera) WHERE state IN ('shadow', 'canary');
