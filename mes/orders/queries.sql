-- take_numbers --
-- So many fresh order numbers, in order.
SELECT nextval('order_number_seq') AS value FROM generate_series(1, %(count)s)

-- take_body_numbers --
-- So many fresh body numbers, in order.
SELECT nextval('body_number_seq') AS value FROM generate_series(1, %(count)s)

-- take_vin_serials --
-- So many fresh VIN serials, in order.
SELECT nextval('vin_serial_seq') AS value FROM generate_series(1, %(count)s)

-- add_orders --
-- New orders; one whose (channel, external id) is known already is left out of the answer.
INSERT INTO customer_order (id, number, channel, external_id, customer, language, model, color,
                            options, catalog_version, requested_at, priority, stage, stage_at,
                            created_at, created_by, link_expires_at)
SELECT id, number, channel, external_id, customer, language, model, color, options,
       catalog_version, requested_at, priority, stage, stage_at, created_at, created_by,
       link_expires_at
  FROM jsonb_to_recordset(%(orders)s::jsonb) AS o (
         id uuid, number text, channel text, external_id text, customer text, language text,
         model text, color text, options text[], catalog_version text, requested_at timestamptz,
         priority smallint, stage text, stage_at timestamptz, created_at timestamptz,
         created_by text, link_expires_at timestamptz)
ON CONFLICT ON CONSTRAINT customer_order_external_key DO NOTHING
RETURNING id

-- confirm_new --
-- Orders of an import are confirmed as they come.
UPDATE customer_order
   SET stage = 'confirmed', stage_at = %(at)s, row_version = row_version + 1
 WHERE id = ANY(%(ids)s) AND stage = 'validated'

-- numbers_by_external_id --
-- Which of these a channel has ordered before.
SELECT external_id, number FROM customer_order
 WHERE channel = %(channel)s AND external_id = ANY(%(external_ids)s)

-- by_id --
-- One order.
SELECT id, number, channel, external_id, customer, language, model, color, options,
       catalog_version, requested_at, priority, stage, held_stage, stage_at, stage_reason,
       row_version, created_at, created_by, link_expires_at, locked_at, vin, body_id, body_number,
       promised_at, promise_confidence, promise_assumed
  FROM customer_order WHERE id = %(id)s

-- by_ids_for_update --
-- Orders that are about to change, locked in one sequence, so that two changes never wait for each other.
SELECT id, number, channel, external_id, customer, language, model, color, options,
       catalog_version, requested_at, priority, stage, held_stage, stage_at, stage_reason,
       row_version, created_at, created_by, link_expires_at, locked_at, vin, body_id, body_number,
       promised_at, promise_confidence, promise_assumed
  FROM customer_order WHERE id = ANY(%(ids)s) ORDER BY id FOR UPDATE

-- by_number --
-- The order that people name.
SELECT id, number, channel, external_id, customer, language, model, color, options,
       catalog_version, requested_at, priority, stage, held_stage, stage_at, stage_reason,
       row_version, created_at, created_by, link_expires_at, locked_at, vin, body_id, body_number,
       promised_at, promise_confidence, promise_assumed
  FROM customer_order WHERE number = %(number)s

-- by_body --
-- The order a body is (or was) built for.
SELECT o.id, o.number, o.channel, o.external_id, o.customer, o.language, o.model, o.color,
       o.options, o.catalog_version, o.requested_at, o.priority, o.stage, o.held_stage, o.stage_at,
       o.stage_reason, o.row_version, o.created_at, o.created_by, o.link_expires_at, o.locked_at,
       o.vin, o.body_id, o.body_number, o.promised_at, o.promise_confidence, o.promise_assumed
  FROM order_body b JOIN customer_order o ON o.id = b.order_id
 WHERE b.body_id = %(body_id)s

-- page --
-- Orders by number, with what a list can be narrowed by; `after` is the last number of the page before.
SELECT id, number, channel, external_id, customer, language, model, color, options,
       catalog_version, requested_at, priority, stage, held_stage, stage_at, stage_reason,
       row_version, created_at, created_by, link_expires_at, locked_at, vin, body_id, body_number,
       promised_at, promise_confidence, promise_assumed
  FROM customer_order
 WHERE (%(stage)s::text IS NULL OR stage = %(stage)s)
   AND (%(model)s::text IS NULL OR model = %(model)s)
   AND (%(channel)s::text IS NULL OR channel = %(channel)s)
   AND (%(search)s::text IS NULL
        OR number ILIKE %(search)s OR external_id ILIKE %(search)s OR vin ILIKE %(search)s
        OR body_number ILIKE %(search)s OR customer ILIKE %(search)s)
   AND (%(after)s::text IS NULL OR number > %(after)s)
 ORDER BY number
 LIMIT %(limit)s

-- open_orders --
-- What planning plans: the orders in these stages, in the order in which they came.
SELECT id, number, body_id, body_number, vin, model, color, options, requested_at, promised_at,
       priority, stage, created_at
  FROM customer_order
 WHERE stage = ANY(%(stages)s)
 ORDER BY number

-- save --
-- An order after a change; the version guards against one that was not seen.
UPDATE customer_order
   SET customer = %(customer)s, language = %(language)s, model = %(model)s, color = %(color)s,
       options = %(options)s, catalog_version = %(catalog_version)s,
       requested_at = %(requested_at)s, priority = %(priority)s, stage = %(stage)s,
       held_stage = %(held_stage)s, stage_at = %(stage_at)s, stage_reason = %(stage_reason)s,
       locked_at = %(locked_at)s, vin = %(vin)s, body_id = %(body_id)s,
       body_number = %(body_number)s, row_version = row_version + 1
 WHERE id = %(id)s AND row_version = %(row_version)s

-- save_promise --
-- The promise in force; it does not count as an edit, or planning would make every edit stale.
UPDATE customer_order
   SET promised_at = %(promised_at)s, promise_confidence = %(confidence)s,
       promise_assumed = %(assumed)s
 WHERE id = %(order_id)s

-- add_promise --
-- A date that was promised, for the history.
INSERT INTO order_promise (id, order_id, promised_at, confidence, assumed, reasons, event_id, made_at)
VALUES (%(id)s, %(order_id)s, %(promised_at)s, %(confidence)s, %(assumed)s, %(reasons)s::jsonb,
        %(event_id)s, %(made_at)s)

-- promises --
-- Everything that was promised for an order, oldest first.
SELECT id, order_id, promised_at, confidence, assumed, reasons, event_id, made_at
  FROM order_promise WHERE order_id = %(order_id)s ORDER BY made_at, id

-- add_bodies --
-- Bodies to build: one an order at lock, another one after a scrapped body.
INSERT INTO order_body (body_id, number, order_id, predecessor_id, created_at)
SELECT body_id, number, order_id, predecessor_id, created_at
  FROM jsonb_to_recordset(%(bodies)s::jsonb) AS b (
         body_id uuid, number text, order_id uuid, predecessor_id uuid, created_at timestamptz)

-- scrap_body --
-- A body that will not become a car; it stays for the genealogy.
UPDATE order_body SET scrapped_at = %(at)s WHERE body_id = %(body_id)s AND scrapped_at IS NULL

-- bodies --
-- Every body of an order, oldest first.
SELECT body_id, number, order_id, predecessor_id, created_at, scrapped_at
  FROM order_body WHERE order_id = %(order_id)s ORDER BY created_at, number

-- body_of_number --
-- The body that people name.
SELECT body_id, number, order_id, predecessor_id, created_at, scrapped_at
  FROM order_body WHERE number = %(number)s

-- counts_by_stage --
-- How many orders are in each stage.
SELECT stage, count(*) AS count FROM customer_order GROUP BY stage

-- start_answer --
-- A machine's request begins; a second one with its key waits here until the first has ended.
INSERT INTO idempotent_answer (client, key, request_hash, created_at)
VALUES (%(client)s, %(key)s, %(request_hash)s, %(now)s)
ON CONFLICT DO NOTHING

-- answer --
-- What was answered to the request with this key.
SELECT request_hash, status, answer FROM idempotent_answer
 WHERE client = %(client)s AND key = %(key)s

-- finish_answer --
-- The answer to give again.
UPDATE idempotent_answer SET status = %(status)s, answer = %(answer)s::jsonb
 WHERE client = %(client)s AND key = %(key)s

-- forget_answers --
-- Answers that nobody asks for again.
DELETE FROM idempotent_answer WHERE created_at < %(before)s

-- make_link_key --
-- The key of this installation, made once.
INSERT INTO customer_link_key (key) VALUES (%(key)s) ON CONFLICT DO NOTHING

-- link_key --
-- What customers' links are signed with.
SELECT key FROM customer_link_key
