-- figures --
-- What a scrape wants to know; each line is cheap (an index or a small table).
SELECT 'events' AS figure, coalesce(max(seq), 0)::float AS value FROM event
UNION ALL SELECT 'handler_lag_events',
  coalesce((SELECT max(seq) FROM event) - (SELECT min(least(seq, (SELECT max(seq) FROM event))) FROM event_cursor), 0)
UNION ALL SELECT 'event_failures', count(*) FROM event_failure
UNION ALL SELECT 'jobs_waiting', count(*) FROM procrastinate_jobs WHERE status = 'todo'
UNION ALL SELECT 'jobs_failed', count(*) FROM procrastinate_jobs WHERE status = 'failed'
