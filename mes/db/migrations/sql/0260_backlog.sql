-- A fifth stream: telemetry that had to wait is delivered beside what is new.
ALTER TABLE ingest_watermark DROP CONSTRAINT ingest_watermark_stream_check;
ALTER TABLE ingest_watermark ADD CONSTRAINT ingest_watermark_stream_check CHECK (stream BETWEEN 1 AND 5);
