-- clock_segments --
-- The whole history of the plant clock, oldest first.
SELECT real_at, plant_at, factor FROM plant_clock ORDER BY real_at, id

-- add_segment --
-- The plant clock changes speed.
INSERT INTO plant_clock (real_at, plant_at, factor)
VALUES (%(real_at)s, %(plant_at)s, %(factor)s)

-- defer_job --
-- A background job, visible to workers when the business transaction commits.
SELECT (procrastinate_defer_jobs_v1(ARRAY[
  ROW('default', %(task)s, %(priority)s, %(lock)s, %(queueing_lock)s, %(args)s::jsonb, NULL)
  ::procrastinate_job_to_defer_v1]))[1]
