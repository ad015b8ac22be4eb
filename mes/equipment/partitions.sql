-- take_dirty --
-- Minutes that are over and not summed up.
DELETE FROM telemetry_dirty WHERE (line, minute) IN (
  SELECT line, minute FROM telemetry_dirty WHERE minute <= %(before)s ORDER BY minute LIMIT %(limit)s)
RETURNING line, minute

-- sum_minute --
-- One minute of one line by second, and from these the minute. Beyond 1e100 nothing is a process value, and a
-- mean would overflow.
WITH second AS (
  SELECT t.tag_id, date_trunc('second', t.time) AS at,
         count(*) FILTER (WHERE good) AS values_n, count(*) FILTER (WHERE NOT good) AS bad_n,
         avg(t.value) FILTER (WHERE good) AS mean, min(t.value) FILTER (WHERE good) AS low,
         max(t.value) FILTER (WHERE good) AS high
    FROM (SELECT tag_id, time, value, coalesce(abs(value) < 1e100, false) AS good
            FROM telemetry
           WHERE time >= %(minute)s AND time < %(minute)s + interval '1 minute') t
    JOIN telemetry_tag g ON g.id = t.tag_id AND g.line = %(line)s
   GROUP BY t.tag_id, at),
by_second AS (
  INSERT INTO telemetry_seconds_of_minute (tag_id, minute, seconds, values_n, bad_n, means, lows, highs)
  SELECT tag_id, %(minute)s, array_agg(extract(second FROM at)::smallint ORDER BY at),
         array_agg(values_n::integer ORDER BY at), array_agg(bad_n::integer ORDER BY at),
         array_agg(mean ORDER BY at), array_agg(low ORDER BY at), array_agg(high ORDER BY at)
    FROM second GROUP BY tag_id
  ON CONFLICT (tag_id, minute) DO UPDATE
     SET seconds = excluded.seconds, values_n = excluded.values_n, bad_n = excluded.bad_n,
         means = excluded.means, lows = excluded.lows, highs = excluded.highs)
INSERT INTO telemetry_minute (tag_id, minute, values_n, bad_n, mean, low, high)
SELECT tag_id, %(minute)s, sum(values_n), sum(bad_n), sum(mean * values_n) / nullif(sum(values_n), 0),
       min(low), max(high)
  FROM second GROUP BY tag_id
ON CONFLICT (tag_id, minute) DO UPDATE
   SET values_n = excluded.values_n, bad_n = excluded.bad_n, mean = excluded.mean,
       low = excluded.low, high = excluded.high

-- sum_hour --
-- One hour of one line, from its minutes: the one that runs has what it has so far.
INSERT INTO telemetry_hour (tag_id, hour, values_n, bad_n, mean, low, high)
SELECT m.tag_id, %(hour)s, sum(m.values_n), sum(m.bad_n),
       sum(m.mean * m.values_n) / nullif(sum(m.values_n), 0), min(m.low), max(m.high)
  FROM telemetry_minute m JOIN telemetry_tag g ON g.id = m.tag_id AND g.line = %(line)s
 WHERE m.minute >= %(hour)s AND m.minute < %(hour)s + interval '1 hour'
 GROUP BY m.tag_id
ON CONFLICT (tag_id, hour) DO UPDATE
   SET values_n = excluded.values_n, bad_n = excluded.bad_n, mean = excluded.mean,
       low = excluded.low, high = excluded.high

-- partition_exists --
SELECT to_regclass(%(name)s) IS NOT NULL

-- partitions --
-- Daily partitions of a table, oldest first.
SELECT c.relname AS name FROM pg_inherits i
  JOIN pg_class c ON c.oid = i.inhrelid
 WHERE i.inhparent = %(table)s::regclass AND c.relname ~ '_p[0-9]{8}$'
 ORDER BY c.relname

-- strays --
-- Rows that came before their partition was made.
SELECT count(*) FROM telemetry_default

-- drop_minutes --
DELETE FROM telemetry_minute WHERE minute < %(before)s

-- drop_hours --
DELETE FROM telemetry_hour WHERE hour < %(before)s
