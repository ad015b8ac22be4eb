-- watermark --
-- How far a stream has taken effect, locked: batches of one stream take turns.
INSERT INTO ingest_watermark (agent_id, epoch, stream, seq)
VALUES (%(agent_id)s, %(epoch)s, %(stream)s, 0)
ON CONFLICT (agent_id, epoch, stream) DO UPDATE SET seq = ingest_watermark.seq
RETURNING seq

-- standing --
-- How far a stream has taken effect, as committed.
SELECT seq FROM ingest_watermark
 WHERE agent_id = %(agent_id)s AND epoch = %(epoch)s AND stream = %(stream)s

-- advance --
UPDATE ingest_watermark SET seq = %(seq)s
 WHERE agent_id = %(agent_id)s AND epoch = %(epoch)s AND stream = %(stream)s

-- set_aside --
INSERT INTO ingest_quarantine
  (id, agent_id, line, epoch, stream, seq, record_no, reason_code, reason, content, arrived_at)
VALUES (%(id)s, %(agent_id)s, %(line)s, %(epoch)s, %(stream)s, %(seq)s, %(record_no)s, %(reason_code)s,
        %(reason)s, %(content)s, %(arrived_at)s)

-- note_loss --
INSERT INTO ingest_loss (agent_id, epoch, stream, from_seq, to_seq, noticed_at)
VALUES (%(agent_id)s, %(epoch)s, %(stream)s, %(from_seq)s, %(to_seq)s, %(noticed_at)s)
ON CONFLICT DO NOTHING

-- quarantine --
-- What waits for a person, newest first.
SELECT id, line, epoch, stream, seq, record_no, reason_code, reason, arrived_at
  FROM ingest_quarantine WHERE settled_at IS NULL ORDER BY arrived_at DESC LIMIT %(limit)s
