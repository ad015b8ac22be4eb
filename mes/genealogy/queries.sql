-- record --
INSERT INTO built_in (line, seq, item, body_id, station, job_order_id, material, lot, serial, quantity,
                      built_at)
SELECT line, seq, item, body_id, station, job_order_id, material, lot, serial, quantity, built_at
  FROM unnest(%(lines)s::text[], %(seqs)s::bigint[], %(items)s::smallint[], %(body_ids)s::uuid[],
              %(stations)s::text[], %(job_order_ids)s::uuid[], %(materials)s::text[], %(lots)s::text[],
              %(serials)s::text[], %(quantities)s::integer[], %(built_ats)s::timestamptz[])
       AS given (line, seq, item, body_id, station, job_order_id, material, lot, serial, quantity,
                 built_at)
ON CONFLICT (line, seq, item) DO NOTHING

-- parts_of --
-- Everything in one body, in the order in which it was built in.
SELECT line, seq, item, body_id, station, job_order_id, material, lot, serial, quantity, built_at
  FROM built_in WHERE body_id = %(body_id)s ORDER BY built_at, line, seq, item
