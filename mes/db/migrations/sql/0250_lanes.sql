-- Which lane of its store a body stands in, counted from 0; the store's content is what the bodies say.
ALTER TABLE body ADD COLUMN lane integer;
ALTER TABLE body ADD CONSTRAINT body_lane_of_a_store CHECK (lane IS NULL OR (place = 'store' AND lane >= 0));
