-- Where a picture lies among the good ones that its model was trained on: a few numbers in their spreads, null
-- where the model does not say.
ALTER TABLE inspection ADD COLUMN watch real[];
