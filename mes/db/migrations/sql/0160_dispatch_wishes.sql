-- Wishes are added and never changed: who wishes waits for nobody, and nobody waits for who wishes.
DROP TABLE dispatch_wish;
CREATE TABLE dispatch_wish (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    line   text NOT NULL,
    since  timestamptz NOT NULL
);
