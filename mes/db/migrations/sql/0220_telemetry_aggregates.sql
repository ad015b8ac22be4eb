-- Process values by second and by hour, beside those by minute; kept by the same marks (`telemetry_dirty`).
-- All three have the columns values_n, bad_n, mean, low, high; where no value was good the last three are null.

-- The seconds of a minute lie in one row: a tag of ten values a second is one row a minute, not sixty.
CREATE TABLE telemetry_seconds_of_minute (
  tag_id   integer NOT NULL,
  minute   timestamptz NOT NULL,
  seconds  smallint[] NOT NULL,
  values_n integer[] NOT NULL,
  bad_n    integer[] NOT NULL,
  means    double precision[] NOT NULL,
  lows     double precision[] NOT NULL,
  highs    double precision[] NOT NULL,
  PRIMARY KEY (tag_id, minute)
) PARTITION BY RANGE (minute);

CREATE TABLE telemetry_seconds_of_minute_default PARTITION OF telemetry_seconds_of_minute DEFAULT;

-- Ask for the minutes too: they are what the index knows.
CREATE VIEW telemetry_second AS
SELECT m.tag_id, m.minute, m.minute + s.second * interval '1 second' AS second,
       s.values_n, s.bad_n, s.mean, s.low, s.high
  FROM telemetry_seconds_of_minute AS m
 CROSS JOIN LATERAL unnest(m.seconds, m.values_n, m.bad_n, m.means, m.lows, m.highs)
    AS s (second, values_n, bad_n, mean, low, high);

CREATE TABLE telemetry_hour (
  tag_id   integer NOT NULL,
  hour     timestamptz NOT NULL,
  values_n integer NOT NULL,
  bad_n    integer NOT NULL,
  mean     double precision,
  low      double precision,
  high     double precision,
  PRIMARY KEY (tag_id, hour)
);

INSERT INTO telemetry_hour (tag_id, hour, values_n, bad_n, mean, low, high)
SELECT tag_id, date_trunc('hour', minute, 'UTC') AS hour, sum(values_n), sum(bad_n),
       sum(mean * values_n) / nullif(sum(values_n), 0), min(low), max(high)
  FROM telemetry_minute GROUP BY tag_id, hour;

-- What is past keeping is found without reading the rest: rows lie in the order of time.
CREATE INDEX telemetry_minute_time ON telemetry_minute USING brin (minute) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX telemetry_hour_time ON telemetry_hour USING brin (hour) WITH (pages_per_range = 32, autosummarize = on);
