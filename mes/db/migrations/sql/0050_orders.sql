-- Customer orders: what was wished, how far it is, what was frozen onto it at lock, what was promised.

CREATE SEQUENCE order_number_seq;
CREATE SEQUENCE body_number_seq MAXVALUE 999999;
CREATE SEQUENCE vin_serial_seq MAXVALUE 999999;

CREATE TABLE customer_order (
  id                 uuid PRIMARY KEY,
  number             text NOT NULL,
  channel            text NOT NULL CHECK (channel ~ '^[a-z0-9][a-z0-9_-]{0,39}$'),
  external_id        text CHECK (external_id <> ''),
  customer           text,
  language           text NOT NULL DEFAULT 'en' CHECK (language IN ('en', 'zh')),
  model              text NOT NULL,
  color              text NOT NULL,
  options            text[] NOT NULL,
  catalog_version    text NOT NULL,
  requested_at       timestamptz,
  priority           smallint NOT NULL DEFAULT 5 CHECK (priority BETWEEN 1 AND 9),
  stage              text NOT NULL CHECK (stage IN (
                       'draft', 'validated', 'quoted', 'confirmed', 'reconfigured', 'locked',
                       'in_production', 'line_off', 'quality_released', 'shipped', 'delivered',
                       'held', 'cancelled')),
  held_stage         text CHECK ((stage = 'held') = (held_stage IS NOT NULL)),
  stage_at           timestamptz NOT NULL,
  stage_reason       text,
  row_version        integer NOT NULL DEFAULT 1,
  created_at         timestamptz NOT NULL,
  created_by         text NOT NULL,
  link_expires_at    timestamptz NOT NULL,
  locked_at          timestamptz,
  vin                text CHECK (length(vin) = 17),
  body_id            uuid,
  body_number        text,
  promised_at        timestamptz,
  promise_confidence double precision CHECK (promise_confidence BETWEEN 0 AND 1),
  promise_assumed    boolean,
  CONSTRAINT customer_order_number_key UNIQUE (number),
  CONSTRAINT customer_order_external_key UNIQUE (channel, external_id),
  CONSTRAINT customer_order_vin_key UNIQUE (vin),
  CONSTRAINT customer_order_body_id_key UNIQUE (body_id),
  CONSTRAINT customer_order_locked_whole CHECK (
    (locked_at IS NULL) = (vin IS NULL) AND (locked_at IS NULL) = (body_id IS NULL)
    AND (locked_at IS NULL) = (body_number IS NULL))
);
CREATE INDEX customer_order_stage ON customer_order (stage, number);
CREATE INDEX customer_order_promised ON customer_order (promised_at) WHERE promised_at IS NOT NULL;

-- Every body that was ever built for an order; a scrapped one has a successor, both stay.
CREATE TABLE order_body (
  body_id        uuid PRIMARY KEY,
  number         text NOT NULL,
  order_id       uuid NOT NULL REFERENCES customer_order (id),
  predecessor_id uuid REFERENCES order_body (body_id),
  created_at     timestamptz NOT NULL,
  scrapped_at    timestamptz,
  CONSTRAINT order_body_number_key UNIQUE (number),
  CONSTRAINT order_body_predecessor_key UNIQUE (predecessor_id)
);
CREATE INDEX order_body_order ON order_body (order_id);
CREATE UNIQUE INDEX order_body_one_alive ON order_body (order_id) WHERE scrapped_at IS NULL;

-- The 100 % bill of material as it was at lock; later catalogues do not touch it.
CREATE TABLE order_bom (
  order_id    uuid NOT NULL REFERENCES customer_order (id),
  part_number text NOT NULL,
  family      text NOT NULL,
  name_en     text NOT NULL,
  name_zh     text NOT NULL,
  quantity    numeric(12, 3) NOT NULL CHECK (quantity > 0),
  unit        text NOT NULL,
  line        text,
  station     text,
  PRIMARY KEY (order_id, part_number)
);

-- The way through the plant and its standard times as they were at lock.
CREATE TABLE order_routing (
  order_id uuid NOT NULL REFERENCES customer_order (id),
  position integer NOT NULL,
  line     text NOT NULL,
  step     text NOT NULL,
  stations text[] NOT NULL,
  work_s   double precision NOT NULL CHECK (work_s > 0),
  PRIMARY KEY (order_id, position)
);

-- Every date that was ever promised, with the reasons of each change.
CREATE TABLE order_promise (
  id          uuid PRIMARY KEY,
  order_id    uuid NOT NULL REFERENCES customer_order (id),
  promised_at timestamptz NOT NULL,
  confidence  double precision NOT NULL CHECK (confidence BETWEEN 0 AND 1),
  assumed     boolean NOT NULL,
  reasons     jsonb NOT NULL,
  event_id    uuid NOT NULL,
  made_at     timestamptz NOT NULL
);
CREATE INDEX order_promise_order ON order_promise (order_id, made_at, id);

-- The first answer to a machine's POST, given again when the same request comes again.
CREATE TABLE idempotent_answer (
  client       text NOT NULL,
  key          text NOT NULL CHECK (length(key) BETWEEN 1 AND 200),
  request_hash text NOT NULL,
  status       smallint,
  answer       jsonb,
  created_at   timestamptz NOT NULL,
  PRIMARY KEY (client, key)
);
CREATE INDEX idempotent_answer_created ON idempotent_answer (created_at);

-- What customers' links are signed with; one row, made at the first link.
CREATE TABLE customer_link_key (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  key bytea NOT NULL CHECK (length(key) = 32)
);
