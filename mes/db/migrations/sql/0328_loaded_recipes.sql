-- Which recipe each line has, as it tells it, and which was loaded from here by hand instead of the plant file's.
CREATE TABLE loaded_recipe (
    line        text NOT NULL,
    station     text NOT NULL,
    variant     text NOT NULL,
    version     text,
    told_at     timestamptz,
    asked       text,
    asked_over  text,
    PRIMARY KEY (line, station, variant),
    CONSTRAINT loaded_recipe_told CHECK ((version IS NULL) = (told_at IS NULL)),
    CONSTRAINT loaded_recipe_asked CHECK ((asked IS NULL) = (asked_over IS NULL))
);
COMMENT ON COLUMN loaded_recipe.version IS 'Checksum that the line tells; NULL: it has told none yet, empty: it has none loaded.';
COMMENT ON COLUMN loaded_recipe.told_at IS 'Since when, plant time.';
COMMENT ON COLUMN loaded_recipe.asked IS 'Checksum of what was loaded by hand last, with values of its own.';
COMMENT ON COLUMN loaded_recipe.asked_over IS 'Checksum of the plant file''s recipe at that time; when that changes, it counts again.';
