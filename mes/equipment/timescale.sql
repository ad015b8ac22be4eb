-- is_used --
-- A hypertable is an ordinary table with a name of its own; what is partitioned is plain PostgreSQL.
SELECT relkind = 'r' FROM pg_class WHERE oid = to_regclass('telemetry')

-- marked --
-- Minutes that are over and not summed up, with how often they were marked.
SELECT line, minute, marks FROM telemetry_dirty WHERE minute <= %(before)s ORDER BY minute LIMIT %(limit)s

-- unmark --
DELETE FROM telemetry_dirty WHERE line = %(line)s AND minute = %(minute)s AND marks = %(marks)s

-- refresh --
CALL refresh_continuous_aggregate(%(aggregate)s::regclass, %(first)s::timestamptz, %(end)s::timestamptz)

-- drop_chunks --
SELECT drop_chunks(%(table)s::regclass, older_than => %(before)s::timestamptz) AS chunk

-- ripe_chunk --
-- The oldest chunk of values or seconds that is old enough and not compressed.
SELECT format('%%I.%%I', c.chunk_schema, c.chunk_name) AS chunk
  FROM timescaledb_information.chunks AS c
  LEFT JOIN timescaledb_information.continuous_aggregates AS a
    ON a.materialization_hypertable_schema = c.hypertable_schema AND a.materialization_hypertable_name = c.hypertable_name
 WHERE NOT c.is_compressed AND c.range_end <= %(before)s
   AND (c.hypertable_name = 'telemetry' OR a.view_name = 'telemetry_by_second')
 ORDER BY c.range_end LIMIT 1

-- take_time --
-- A chunk of many values takes longer than any other statement may.
SET LOCAL statement_timeout = 0

-- compress_chunk --
SELECT compress_chunk(%(chunk)s::regclass, if_not_compressed => true)
