-- tags_of_station --
SELECT id, name, unit FROM telemetry_tag WHERE station = %(station)s ORDER BY id

-- seconds_of_tags --
-- Some values of a station by second, as columns. The index knows minutes.
SELECT m.tag_id, array_agg(extract(epoch FROM m.second)::bigint ORDER BY m.second) AS times,
       array_agg(m.mean ORDER BY m.second) AS means, array_agg(m.low ORDER BY m.second) AS lows,
       array_agg(m.high ORDER BY m.second) AS highs, sum(m.values_n)::bigint AS values_n, sum(m.bad_n)::bigint AS bad_n
  FROM telemetry_second AS m
 WHERE m.tag_id = ANY(%(tags)s) AND m.second >= %(from_at)s AND m.second < %(to_at)s
   AND m.minute > %(from_at)s - interval '1 minute' AND m.minute < %(to_at)s
 GROUP BY m.tag_id

-- minutes_of_tags --
-- Some values of a station by minute, as columns: a day of several tags is one answer.
SELECT m.tag_id, array_agg(extract(epoch FROM m.minute)::bigint ORDER BY m.minute) AS times,
       array_agg(m.mean ORDER BY m.minute) AS means, array_agg(m.low ORDER BY m.minute) AS lows,
       array_agg(m.high ORDER BY m.minute) AS highs, sum(m.values_n)::bigint AS values_n, sum(m.bad_n)::bigint AS bad_n
  FROM telemetry_minute AS m
 WHERE m.tag_id = ANY(%(tags)s) AND m.minute >= %(from_at)s AND m.minute < %(to_at)s
 GROUP BY m.tag_id

-- hours_of_tags --
-- Some values of a station by hour, as columns.
SELECT m.tag_id, array_agg(extract(epoch FROM m.hour)::bigint ORDER BY m.hour) AS times,
       array_agg(m.mean ORDER BY m.hour) AS means, array_agg(m.low ORDER BY m.hour) AS lows,
       array_agg(m.high ORDER BY m.hour) AS highs, sum(m.values_n)::bigint AS values_n, sum(m.bad_n)::bigint AS bad_n
  FROM telemetry_hour AS m
 WHERE m.tag_id = ANY(%(tags)s) AND m.hour >= %(from_at)s AND m.hour < %(to_at)s
 GROUP BY m.tag_id

-- gaps_of_line --
SELECT tag_ids, from_at, to_at, cause, detail, repair FROM telemetry_gap
 WHERE line = %(line)s AND from_at < %(to_at)s AND to_at > %(from_at)s ORDER BY from_at LIMIT 500
