-- The layout of the time series in TimescaleDB; `mes.db.timescale` runs these statements in their order.

-- set_raw_aside --
ALTER TABLE telemetry RENAME TO telemetry_plain

-- set_index_aside --
ALTER INDEX telemetry_time RENAME TO telemetry_plain_time

-- set_second_aside --
ALTER VIEW telemetry_second RENAME TO telemetry_second_plain

-- set_minute_aside --
ALTER TABLE telemetry_minute RENAME TO telemetry_minute_plain

-- set_hour_aside --
ALTER TABLE telemetry_hour RENAME TO telemetry_hour_plain

-- set_default_aside --
ALTER TABLE telemetry_default RENAME TO telemetry_default_plain

-- raw --
CREATE TABLE telemetry (
  time        timestamptz NOT NULL,
  tag_id      integer NOT NULL,
  value       double precision,
  status      bigint NOT NULL,
  received_at timestamptz NOT NULL
)

-- raw_hypertable --
-- Four chunks a plant day: one of a plant with 50,000 values a second holds a thousand million rows.
SELECT create_hypertable('telemetry', by_range('time', INTERVAL '6 hours'), create_default_indexes => false)

-- raw_time --
CREATE INDEX telemetry_time ON telemetry USING brin (time) WITH (pages_per_range = 16)

-- raw_compressed --
ALTER TABLE telemetry SET
  (timescaledb.compress, timescaledb.compress_segmentby = 'tag_id', timescaledb.compress_orderby = 'time')

-- no_strays --
-- Nothing waits outside of the chunks; who asks is told so.
CREATE VIEW telemetry_default AS SELECT time, tag_id, value, status, received_at FROM telemetry WHERE false

-- raw_moved --
INSERT INTO telemetry (time, tag_id, value, status, received_at)
SELECT time, tag_id, value, status, received_at FROM telemetry_plain

-- by_second --
-- Beyond 1e100 nothing is a process value, and a mean would overflow.
CREATE MATERIALIZED VIEW telemetry_by_second
  WITH (timescaledb.continuous, timescaledb.materialized_only = true) AS
SELECT tag_id, time_bucket('1 second', time) AS second,
       (count(*) FILTER (WHERE coalesce(abs(value) < 1e100, false)))::integer AS values_n,
       (count(*) FILTER (WHERE NOT coalesce(abs(value) < 1e100, false)))::integer AS bad_n,
       avg(value) FILTER (WHERE abs(value) < 1e100) AS mean,
       min(value) FILTER (WHERE abs(value) < 1e100) AS low,
       max(value) FILTER (WHERE abs(value) < 1e100) AS high
  FROM telemetry GROUP BY tag_id, time_bucket('1 second', time)
  WITH NO DATA

-- by_minute --
CREATE MATERIALIZED VIEW telemetry_minute
  WITH (timescaledb.continuous, timescaledb.materialized_only = true) AS
SELECT tag_id, time_bucket('1 minute', second) AS minute,
       sum(values_n)::integer AS values_n, sum(bad_n)::integer AS bad_n,
       sum(mean * values_n) / nullif(sum(values_n), 0) AS mean, min(low) AS low, max(high) AS high
  FROM telemetry_by_second GROUP BY tag_id, time_bucket('1 minute', second)
  WITH NO DATA

-- by_hour --
CREATE MATERIALIZED VIEW telemetry_hour
  WITH (timescaledb.continuous, timescaledb.materialized_only = true) AS
SELECT tag_id, time_bucket('1 hour', minute) AS hour,
       sum(values_n)::integer AS values_n, sum(bad_n)::integer AS bad_n,
       sum(mean * values_n) / nullif(sum(values_n), 0) AS mean, min(low) AS low, max(high) AS high
  FROM telemetry_minute GROUP BY tag_id, time_bucket('1 hour', minute)
  WITH NO DATA

-- by_second_compressed --
ALTER MATERIALIZED VIEW telemetry_by_second SET (timescaledb.compress = true)

-- second --
CREATE VIEW telemetry_second AS
SELECT tag_id, time_bucket('1 minute', second) AS minute, second, values_n, bad_n, mean, low, high
  FROM telemetry_by_second

-- by_second_chunks --
-- What is dropped is dropped by chunks: a day of seconds, a week of minutes, a month of hours.
SELECT set_chunk_time_interval('telemetry_by_second', INTERVAL '1 day')

-- by_minute_chunks --
SELECT set_chunk_time_interval('telemetry_minute', INTERVAL '7 days')

-- by_hour_chunks --
SELECT set_chunk_time_interval('telemetry_hour', INTERVAL '30 days')
