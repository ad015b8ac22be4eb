-- Racks of stamped panels: material lots that framing consumes first in, first out.
-- `remaining` is what the lines left in it; `overdrawn` counts panels a line took beyond the rack's
-- quantity, so that a wrong count is seen and not lost. A rack that is held before it is full is known by
-- its hold alone (`received_at` is null).
CREATE TABLE rack (
  id           text PRIMARY KEY,
  panel        text NOT NULL,
  line         text,
  job_order_id uuid,
  quantity     integer NOT NULL CHECK (quantity >= 0),
  remaining    integer NOT NULL CHECK (remaining >= 0),
  overdrawn    integer NOT NULL DEFAULT 0 CHECK (overdrawn >= 0),
  held         boolean NOT NULL DEFAULT false,
  scrapped_at  timestamptz,
  received_at  timestamptz,
  CHECK (remaining <= quantity)
);
CREATE INDEX rack_in_stock ON rack (panel, received_at) WHERE remaining > 0 AND scrapped_at IS NULL;
CREATE INDEX rack_from_line ON rack (line, panel, received_at);
