-- What the gauges of a pipeline read that only looked on, as those of the one that judged are kept.
ALTER TABLE inspection_beside ADD COLUMN measures jsonb NOT NULL DEFAULT '[]';
