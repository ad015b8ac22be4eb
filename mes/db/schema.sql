-- The schema of revision 0329, as `python -m mes.db.dump` wrote it.

CREATE FUNCTION public.event_is_append_only() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  RAISE EXCEPTION 'the event table is append-only' USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TABLE public.agent (
    id uuid NOT NULL,
    line text NOT NULL,
    epoch integer DEFAULT 0 NOT NULL,
    config_version integer DEFAULT 1 NOT NULL,
    config_digest text DEFAULT ''::text NOT NULL,
    lost boolean DEFAULT true NOT NULL,
    seen_at timestamp with time zone,
    heard_at timestamp with time zone,
    link_connected boolean DEFAULT false NOT NULL,
    link_detail text DEFAULT ''::text NOT NULL,
    heartbeat jsonb,
    CONSTRAINT agent_config_version_check CHECK ((config_version >= 1)),
    CONSTRAINT agent_epoch_check CHECK ((epoch >= 0))
)
WITH (fillfactor='50');

CREATE TABLE public.agent_certificate (
    line text NOT NULL,
    thumbprint text NOT NULL,
    decision text NOT NULL,
    decided_by text NOT NULL,
    decided_at timestamp with time zone NOT NULL,
    CONSTRAINT agent_certificate_decision_check CHECK ((decision = ANY (ARRAY['trusted'::text, 'revoked'::text]))),
    CONSTRAINT agent_certificate_thumbprint_check CHECK ((thumbprint ~ '^[0-9a-f]{64}$'::text))
);

CREATE TABLE public.agent_certificate_alarm (
    line text NOT NULL,
    thumbprint text NOT NULL,
    days integer NOT NULL,
    raised_at timestamp with time zone NOT NULL,
    CONSTRAINT agent_certificate_alarm_days_check CHECK ((days = ANY (ARRAY[60, 30, 7, 0])))
);

CREATE TABLE public.agent_client_certificate (
    fingerprint bytea NOT NULL,
    agent_id uuid NOT NULL,
    epoch integer NOT NULL,
    subject text NOT NULL,
    issuer text NOT NULL,
    issued_by text NOT NULL,
    issued_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    proof_key bytea,
    CONSTRAINT agent_client_certificate_fingerprint_check CHECK ((octet_length(fingerprint) = 32)),
    CONSTRAINT agent_client_certificate_proof_key_check CHECK ((octet_length(proof_key) = 32))
);

COMMENT ON COLUMN public.agent_client_certificate.epoch IS 'Of the last enrolment when it was issued, as of a device token.';

COMMENT ON COLUMN public.agent_client_certificate.proof_key IS 'NULL: its agent has never asked for one; batches come over HTTP.';

CREATE TABLE public.agent_code (
    code_hash bytea NOT NULL,
    agent_id uuid NOT NULL,
    issued_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone
);

CREATE TABLE public.agent_command (
    line text NOT NULL,
    number bigint NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    body jsonb NOT NULL,
    sent_at timestamp with time zone NOT NULL,
    done_at timestamp with time zone,
    ok boolean,
    code text
);

CREATE TABLE public.agent_epoch (
    agent_id uuid NOT NULL,
    epoch integer NOT NULL,
    instance text,
    issued_at timestamp with time zone NOT NULL,
    fenced_at timestamp with time zone,
    CONSTRAINT agent_epoch_epoch_check CHECK ((epoch >= 1))
);

CREATE TABLE public.agent_outbox (
    line text NOT NULL,
    last_number bigint NOT NULL
);

CREATE TABLE public.agent_token (
    token_hash bytea NOT NULL,
    agent_id uuid NOT NULL,
    epoch integer NOT NULL,
    issued_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone
);

CREATE TABLE public.agreement_part (
    study_id uuid NOT NULL,
    number integer NOT NULL,
    inspection_id uuid NOT NULL,
    image_sha256 text NOT NULL,
    defect boolean NOT NULL,
    kind text
);

CREATE TABLE public.agreement_study (
    id uuid NOT NULL,
    title text NOT NULL,
    camera text NOT NULL,
    repeats integer NOT NULL,
    asked_by text NOT NULL,
    asked_at timestamp with time zone NOT NULL,
    closed_at timestamp with time zone,
    model text,
    model_failure text,
    CONSTRAINT agreement_study_repeats_check CHECK (((repeats >= 2) AND (repeats <= 5)))
);

CREATE TABLE public.agreement_verdict (
    study_id uuid NOT NULL,
    appraiser text NOT NULL,
    part integer NOT NULL,
    trial integer NOT NULL,
    defect boolean NOT NULL,
    given_at timestamp with time zone NOT NULL,
    CONSTRAINT agreement_verdict_trial_check CHECK ((trial > 0))
);

CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);

CREATE TABLE public.andon_call (
    id uuid NOT NULL,
    line text NOT NULL,
    station text NOT NULL,
    reason text NOT NULL,
    called_by text NOT NULL,
    called_at timestamp with time zone NOT NULL,
    cleared_by text,
    cleared_at timestamp with time zone,
    CONSTRAINT andon_call_check CHECK (((cleared_by IS NULL) = (cleared_at IS NULL))),
    CONSTRAINT andon_call_check1 CHECK ((called_at <= cleared_at))
);

CREATE TABLE public.api_token (
    id uuid NOT NULL,
    name text NOT NULL,
    token_hash bytea NOT NULL,
    scopes text[] NOT NULL,
    channel text,
    created_by text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    CONSTRAINT api_token_check CHECK ((expires_at > created_at)),
    CONSTRAINT api_token_scopes_check CHECK ((cardinality(scopes) > 0))
);

CREATE TABLE public.app_user (
    id uuid NOT NULL,
    name text NOT NULL,
    password_hash text NOT NULL,
    active boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT app_user_name_check CHECK ((name ~ '^[a-z0-9][a-z0-9._@-]{1,63}$'::text))
);

CREATE TABLE public.app_user_role (
    user_id uuid NOT NULL,
    role text NOT NULL,
    CONSTRAINT app_user_role_role_check CHECK ((role = ANY (ARRAY['planner'::text, 'quality'::text, 'operator'::text, 'maintenance'::text, 'dealer'::text, 'admin'::text])))
);

CREATE TABLE public.audit_entry (
    id bigint NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    before jsonb,
    after jsonb,
    plant_at timestamp with time zone NOT NULL,
    recorded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

ALTER TABLE public.audit_entry ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.audit_entry_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.body (
    id uuid NOT NULL,
    number text NOT NULL,
    order_id uuid NOT NULL,
    vin text NOT NULL,
    model text NOT NULL,
    color text NOT NULL,
    predecessor_id uuid,
    condition text DEFAULT 'ok'::text NOT NULL,
    line_hold boolean DEFAULT false NOT NULL,
    place text DEFAULT 'planned'::text NOT NULL,
    line text,
    station text,
    store text,
    bay text,
    since_at timestamp with time zone NOT NULL,
    lane integer,
    CONSTRAINT body_condition_check CHECK ((condition = ANY (ARRAY['ok'::text, 'suspect'::text, 'held'::text, 'rework'::text, 'repair'::text, 'use_as_is'::text, 'scrap'::text, 'released'::text]))),
    CONSTRAINT body_lane_of_a_store CHECK (((lane IS NULL) OR ((place = 'store'::text) AND (lane >= 0)))),
    CONSTRAINT body_place_check CHECK ((place = ANY (ARRAY['planned'::text, 'line'::text, 'bay'::text, 'store'::text, 'finished'::text, 'scrapped'::text]))),
    CONSTRAINT body_place_whole CHECK ((((place = ANY (ARRAY['line'::text, 'bay'::text])) = (line IS NOT NULL)) AND ((place = 'line'::text) = (station IS NOT NULL)) AND ((place = 'bay'::text) = (bay IS NOT NULL)) AND ((place = ANY (ARRAY['store'::text, 'finished'::text])) = (store IS NOT NULL)))),
    CONSTRAINT body_scrap_is_final CHECK (((place <> 'scrapped'::text) OR (condition = 'scrap'::text))),
    CONSTRAINT body_vin_check CHECK ((length(vin) = 17))
)
WITH (fillfactor='70');

CREATE SEQUENCE public.body_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    MAXVALUE 999999
    CACHE 1;

CREATE TABLE public.built_in (
    line text NOT NULL,
    seq bigint NOT NULL,
    item smallint NOT NULL,
    body_id uuid NOT NULL,
    station text NOT NULL,
    job_order_id uuid NOT NULL,
    material text NOT NULL,
    lot text,
    serial text,
    quantity integer NOT NULL,
    built_at timestamp with time zone NOT NULL,
    CONSTRAINT built_in_quantity_check CHECK ((quantity > 0))
);

CREATE TABLE public.capacity_option (
    line text NOT NULL,
    shift_id text NOT NULL,
    rule text NOT NULL,
    option text NOT NULL,
    cap integer NOT NULL,
    planned integer DEFAULT 0 NOT NULL,
    reserved integer DEFAULT 0 NOT NULL,
    CONSTRAINT capacity_option_cap_check CHECK ((cap >= 0)),
    CONSTRAINT capacity_option_not_over_promised CHECK (((planned + reserved) <= cap)),
    CONSTRAINT capacity_option_planned_check CHECK ((planned >= 0)),
    CONSTRAINT capacity_option_reserved_check CHECK ((reserved >= 0))
);

CREATE TABLE public.capacity_reservation (
    id uuid NOT NULL,
    line text NOT NULL,
    shift_id text NOT NULL,
    holder text NOT NULL,
    holder_id uuid NOT NULL,
    start_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    rules text[] DEFAULT '{}'::text[] NOT NULL,
    parts text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT capacity_reservation_holder_check CHECK ((holder = ANY (ARRAY['quote'::text, 'order'::text])))
);

CREATE TABLE public.capacity_shift (
    line text NOT NULL,
    shift_id text NOT NULL,
    start_at timestamp with time zone NOT NULL,
    end_at timestamp with time zone NOT NULL,
    places integer NOT NULL,
    planned integer DEFAULT 0 NOT NULL,
    reserved integer DEFAULT 0 NOT NULL,
    CONSTRAINT capacity_not_over_promised CHECK (((planned + reserved) <= places)),
    CONSTRAINT capacity_shift_places_check CHECK ((places >= 0)),
    CONSTRAINT capacity_shift_planned_check CHECK ((planned >= 0)),
    CONSTRAINT capacity_shift_reserved_check CHECK ((reserved >= 0))
);

CREATE TABLE public.catalog_addition (
    id bigint NOT NULL,
    kind text NOT NULL,
    code text NOT NULL,
    content jsonb NOT NULL,
    source text NOT NULL,
    added_at timestamp with time zone NOT NULL,
    CONSTRAINT catalog_addition_kind_check CHECK ((kind = ANY (ARRAY['color'::text, 'option'::text])))
);

ALTER TABLE public.catalog_addition ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.catalog_addition_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.catalog_version (
    id bigint NOT NULL,
    version text NOT NULL,
    hash text NOT NULL,
    content jsonb NOT NULL,
    effective_from timestamp with time zone NOT NULL,
    installed_at timestamp with time zone NOT NULL,
    installed_by text NOT NULL,
    CONSTRAINT catalog_version_hash_check CHECK ((hash ~ '^[0-9a-f]{64}$'::text))
);

ALTER TABLE public.catalog_version ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.catalog_version_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.customer_link_key (
    one boolean DEFAULT true NOT NULL,
    key bytea NOT NULL,
    CONSTRAINT customer_link_key_key_check CHECK ((length(key) = 32)),
    CONSTRAINT customer_link_key_one_check CHECK (one)
);

CREATE TABLE public.customer_order (
    id uuid NOT NULL,
    number text NOT NULL,
    channel text NOT NULL,
    external_id text,
    customer text,
    language text DEFAULT 'en'::text NOT NULL,
    model text NOT NULL,
    color text NOT NULL,
    options text[] NOT NULL,
    catalog_version text NOT NULL,
    requested_at timestamp with time zone,
    priority smallint DEFAULT 5 NOT NULL,
    stage text NOT NULL,
    held_stage text,
    stage_at timestamp with time zone NOT NULL,
    stage_reason text,
    row_version integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    created_by text NOT NULL,
    link_expires_at timestamp with time zone NOT NULL,
    locked_at timestamp with time zone,
    vin text,
    body_id uuid,
    body_number text,
    promised_at timestamp with time zone,
    promise_confidence double precision,
    promise_assumed boolean,
    CONSTRAINT customer_order_channel_check CHECK ((channel ~ '^[a-z0-9][a-z0-9_-]{0,39}$'::text)),
    CONSTRAINT customer_order_check CHECK (((stage = 'held'::text) = (held_stage IS NOT NULL))),
    CONSTRAINT customer_order_external_id_check CHECK ((external_id <> ''::text)),
    CONSTRAINT customer_order_language_check CHECK ((language = ANY (ARRAY['en'::text, 'zh'::text]))),
    CONSTRAINT customer_order_locked_whole CHECK ((((locked_at IS NULL) = (vin IS NULL)) AND ((locked_at IS NULL) = (body_id IS NULL)) AND ((locked_at IS NULL) = (body_number IS NULL)))),
    CONSTRAINT customer_order_priority_check CHECK (((priority >= 1) AND (priority <= 9))),
    CONSTRAINT customer_order_promise_confidence_check CHECK (((promise_confidence >= (0)::double precision) AND (promise_confidence <= (1)::double precision))),
    CONSTRAINT customer_order_stage_check CHECK ((stage = ANY (ARRAY['draft'::text, 'validated'::text, 'quoted'::text, 'confirmed'::text, 'reconfigured'::text, 'locked'::text, 'in_production'::text, 'line_off'::text, 'quality_released'::text, 'shipped'::text, 'delivered'::text, 'held'::text, 'cancelled'::text]))),
    CONSTRAINT customer_order_vin_check CHECK ((length(vin) = 17))
);

CREATE TABLE public.dispatch_wish (
    id bigint NOT NULL,
    line text NOT NULL,
    since timestamp with time zone NOT NULL
);

ALTER TABLE public.dispatch_wish ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.dispatch_wish_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.disposition_undone (
    hold_id uuid NOT NULL,
    decided_at timestamp with time zone NOT NULL,
    disposition text NOT NULL,
    reviewer text NOT NULL,
    undone_by text NOT NULL,
    undone_at timestamp with time zone NOT NULL
);

CREATE TABLE public.drift_alarm (
    id uuid NOT NULL,
    camera text NOT NULL,
    measure text NOT NULL,
    model_name text NOT NULL,
    model_version text NOT NULL,
    model_sha256 text NOT NULL,
    raised_at timestamp with time zone NOT NULL,
    distance double precision NOT NULL,
    most double precision NOT NULL,
    confirmed_at timestamp with time zone,
    confirmed_by text,
    comment text DEFAULT ''::text NOT NULL,
    ended_at timestamp with time zone,
    ended_by text,
    CONSTRAINT drift_alarm_confirmed CHECK (((confirmed_at IS NULL) = (confirmed_by IS NULL))),
    CONSTRAINT drift_alarm_ended CHECK (((ended_at IS NULL) = (ended_by IS NULL))),
    CONSTRAINT drift_alarm_ended_by_check CHECK ((ended_by = ANY (ARRAY['back'::text, 'model'::text, 'gone'::text]))),
    CONSTRAINT drift_alarm_measure_check CHECK ((measure = ANY (ARRAY['scores'::text, 'features'::text])))
);

COMMENT ON COLUMN public.drift_alarm.distance IS 'As measured last while it stood, in spreads; most is what raises it.';

COMMENT ON COLUMN public.drift_alarm.ended_by IS 'Pictures look as before, another model judges, or the plant has the camera no more.';

CREATE TABLE public.equipment_interval (
    line text NOT NULL,
    station text NOT NULL,
    state text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone NOT NULL,
    CONSTRAINT equipment_interval_check CHECK ((started_at <= ended_at)),
    CONSTRAINT equipment_interval_state_check CHECK ((state = ANY (ARRAY['running'::text, 'starved'::text, 'blocked'::text, 'down'::text, 'idle'::text, 'stopped'::text])))
);

CREATE TABLE public.equipment_silence (
    line text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT equipment_silence_check CHECK (((ended_at IS NULL) OR (started_at <= ended_at)))
);

CREATE TABLE public.equipment_state (
    line text NOT NULL,
    station text NOT NULL,
    state text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    since_at timestamp with time zone NOT NULL,
    heard_at timestamp with time zone NOT NULL,
    CONSTRAINT equipment_state_state_check CHECK ((state = ANY (ARRAY['running'::text, 'starved'::text, 'blocked'::text, 'down'::text, 'idle'::text, 'stopped'::text])))
)
WITH (fillfactor='60');

CREATE TABLE public.event (
    seq bigint NOT NULL,
    id uuid NOT NULL,
    type text NOT NULL,
    version smallint DEFAULT 1 NOT NULL,
    subject text NOT NULL,
    causation_id uuid,
    correlation_id uuid,
    actor text NOT NULL,
    plant_at timestamp with time zone NOT NULL,
    recorded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    payload jsonb NOT NULL,
    xid xid8 DEFAULT pg_current_xact_id() NOT NULL
);

CREATE TABLE public.event_cursor (
    handler text NOT NULL,
    xid xid8 NOT NULL,
    seq bigint NOT NULL
);

CREATE TABLE public.event_failure (
    handler text NOT NULL,
    event_seq bigint NOT NULL,
    error text NOT NULL,
    failed_at timestamp with time zone NOT NULL
);

ALTER TABLE public.event ALTER COLUMN seq ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.event_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.gauge_study (
    id uuid NOT NULL,
    title text NOT NULL,
    unit text NOT NULL,
    tolerance double precision,
    readings jsonb NOT NULL,
    made_by text NOT NULL,
    made_at timestamp with time zone NOT NULL,
    CONSTRAINT gauge_study_tolerance_check CHECK ((tolerance > (0)::double precision))
);

CREATE TABLE public.hold (
    id uuid NOT NULL,
    body_id uuid,
    rack text,
    order_id uuid,
    line text NOT NULL,
    inspection_id uuid,
    cause text NOT NULL,
    defect_kind text,
    risk double precision NOT NULL,
    state text NOT NULL,
    disposition text,
    reason text DEFAULT ''::text NOT NULL,
    defect_code text,
    reviewer text,
    placed_at timestamp with time zone NOT NULL,
    decided_at timestamp with time zone,
    closed_at timestamp with time zone,
    last_event_id uuid NOT NULL,
    row_version integer DEFAULT 1 NOT NULL,
    CONSTRAINT hold_check CHECK (((body_id IS NULL) <> (rack IS NULL))),
    CONSTRAINT hold_check1 CHECK (((state = 'open'::text) = (disposition IS NULL))),
    CONSTRAINT hold_check2 CHECK ((((disposition IS NULL) = (reviewer IS NULL)) AND ((disposition IS NULL) = (decided_at IS NULL)))),
    CONSTRAINT hold_check3 CHECK (((state = ANY (ARRAY['released'::text, 'scrapped'::text])) = (closed_at IS NOT NULL))),
    CONSTRAINT hold_check4 CHECK (((disposition IS DISTINCT FROM 'use_as_is'::text) OR (reason <> ''::text))),
    CONSTRAINT hold_disposition_check CHECK ((disposition = ANY (ARRAY['false_call'::text, 'rework'::text, 'scrap'::text, 'use_as_is'::text]))),
    CONSTRAINT hold_risk_check CHECK ((risk >= (0)::double precision)),
    CONSTRAINT hold_state_check CHECK ((state = ANY (ARRAY['open'::text, 'rework'::text, 'released'::text, 'scrapped'::text])))
);

CREATE TABLE public.idempotent_answer (
    client text NOT NULL,
    key text NOT NULL,
    request_hash text NOT NULL,
    status smallint,
    answer jsonb,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT idempotent_answer_key_check CHECK (((length(key) >= 1) AND (length(key) <= 200)))
);

CREATE TABLE public.ingest_loss (
    agent_id uuid NOT NULL,
    epoch integer NOT NULL,
    stream smallint NOT NULL,
    from_seq bigint NOT NULL,
    to_seq bigint NOT NULL,
    noticed_at timestamp with time zone NOT NULL
);

CREATE TABLE public.ingest_quarantine (
    id uuid NOT NULL,
    agent_id uuid NOT NULL,
    line text NOT NULL,
    epoch integer NOT NULL,
    stream smallint NOT NULL,
    seq bigint NOT NULL,
    record_no integer,
    reason_code text NOT NULL,
    reason text NOT NULL,
    content bytea NOT NULL,
    arrived_at timestamp with time zone NOT NULL,
    settled_at timestamp with time zone
);

CREATE TABLE public.ingest_watermark (
    agent_id uuid NOT NULL,
    epoch integer NOT NULL,
    stream smallint NOT NULL,
    seq bigint NOT NULL,
    CONSTRAINT ingest_watermark_seq_check CHECK ((seq >= 0)),
    CONSTRAINT ingest_watermark_stream_check CHECK (((stream >= 1) AND (stream <= 5)))
)
WITH (fillfactor='50');

CREATE TABLE public.inspection (
    id uuid NOT NULL,
    line text NOT NULL,
    station text NOT NULL,
    camera text NOT NULL,
    counter bigint NOT NULL,
    body_id uuid,
    lot text,
    job_order_id uuid,
    variant text NOT NULL,
    verdict text NOT NULL,
    score double precision NOT NULL,
    threshold double precision NOT NULL,
    defect_kind text,
    regions jsonb DEFAULT '[]'::jsonb NOT NULL,
    reason text,
    image_sha256 text,
    image_w integer,
    image_h integer,
    model_name text NOT NULL,
    model_version text NOT NULL,
    model_sha256 text NOT NULL,
    pipeline_version text NOT NULL,
    triggered_at timestamp with time zone NOT NULL,
    decided_at timestamp with time zone NOT NULL,
    deadline_at timestamp with time zone NOT NULL,
    inference_ms double precision NOT NULL,
    total_ms double precision NOT NULL,
    accepted boolean NOT NULL,
    review text,
    defect_code text,
    reviewed_by text,
    reviewed_at timestamp with time zone,
    reviewed_regions jsonb,
    watch real[],
    CONSTRAINT inspection_check CHECK ((((review IS NULL) = (reviewed_by IS NULL)) AND ((review IS NULL) = (reviewed_at IS NULL)))),
    CONSTRAINT inspection_check1 CHECK (((reviewed_regions IS NULL) OR (review IS NOT NULL))),
    CONSTRAINT inspection_image_sha256_check CHECK ((image_sha256 ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT inspection_review_check CHECK ((review = ANY (ARRAY['confirmed'::text, 'false_call'::text, 'escape'::text]))),
    CONSTRAINT inspection_score_check CHECK (((score >= (0)::double precision) AND (score <= (1)::double precision))),
    CONSTRAINT inspection_threshold_check CHECK (((threshold >= (0)::double precision) AND (threshold <= (1)::double precision))),
    CONSTRAINT inspection_verdict_check CHECK ((verdict = ANY (ARRAY['OK'::text, 'NOK'::text, 'UNFIT'::text, 'LATE'::text])))
);

CREATE TABLE public.inspection_beside (
    inspection_id uuid NOT NULL,
    camera text NOT NULL,
    package_sha256 text NOT NULL,
    judged_by text NOT NULL,
    verdict text NOT NULL,
    score double precision NOT NULL,
    threshold double precision NOT NULL,
    regions jsonb DEFAULT '[]'::jsonb NOT NULL,
    ms double precision NOT NULL,
    triggered_at timestamp with time zone NOT NULL,
    measures jsonb DEFAULT '[]'::jsonb NOT NULL,
    CONSTRAINT inspection_beside_score_check CHECK (((score >= (0)::double precision) AND (score <= (1)::double precision))),
    CONSTRAINT inspection_beside_threshold_check CHECK (((threshold >= (0)::double precision) AND (threshold <= (1)::double precision))),
    CONSTRAINT inspection_beside_verdict_check CHECK ((verdict = ANY (ARRAY['OK'::text, 'NOK'::text, 'UNFIT'::text])))
);

CREATE TABLE public.inspection_image (
    sha256 text NOT NULL,
    bytes integer NOT NULL,
    media text NOT NULL,
    stored_at timestamp with time zone NOT NULL,
    CONSTRAINT inspection_image_bytes_check CHECK ((bytes > 0)),
    CONSTRAINT inspection_image_media_check CHECK ((media = ANY (ARRAY['image/jpeg'::text, 'image/png'::text]))),
    CONSTRAINT inspection_image_sha256_check1 CHECK ((sha256 ~ '^[0-9a-f]{64}$'::text))
);

CREATE TABLE public.inspection_steps (
    inspection_id uuid NOT NULL,
    measures jsonb NOT NULL,
    step_ms jsonb NOT NULL
);

CREATE TABLE public.job_command (
    command_id uuid NOT NULL,
    job_order_id uuid NOT NULL,
    line text NOT NULL,
    kind text NOT NULL,
    issued_at timestamp with time zone NOT NULL,
    ok boolean,
    code text,
    message text,
    done_at timestamp with time zone
);

CREATE TABLE public.job_order (
    id uuid NOT NULL,
    kind text NOT NULL,
    line text NOT NULL,
    subject_id uuid NOT NULL,
    attempt integer NOT NULL,
    order_id uuid,
    body_id uuid,
    rework_id uuid,
    state text NOT NULL,
    state_at timestamp with time zone NOT NULL,
    cancelling boolean DEFAULT false NOT NULL,
    sequence bigint NOT NULL,
    job jsonb NOT NULL,
    good integer DEFAULT 0 NOT NULL,
    scrap integer DEFAULT 0 NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    reported_state text,
    reported_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    row_version integer DEFAULT 1 NOT NULL,
    CONSTRAINT job_order_attempt_check CHECK ((attempt >= 1)),
    CONSTRAINT job_order_kind_check CHECK ((kind = ANY (ARRAY['body'::text, 'die_lot'::text, 'rework'::text]))),
    CONSTRAINT job_order_state_check CHECK ((state = ANY (ARRAY['Waiting'::text, 'Pending'::text, 'Dispatched'::text, 'Ready'::text, 'Running'::text, 'Completed'::text, 'Aborted'::text, 'Held'::text, 'Suspended'::text, 'Closed'::text, 'Cancelled'::text])))
);

CREATE TABLE public.line_alarm (
    id uuid NOT NULL,
    line text NOT NULL,
    condition text NOT NULL,
    branch text NOT NULL,
    began_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    end_seen boolean DEFAULT true NOT NULL,
    station text,
    source text NOT NULL,
    name text NOT NULL,
    event_type text NOT NULL,
    event_id text NOT NULL,
    message text NOT NULL,
    severity integer NOT NULL,
    acked boolean,
    acked_at timestamp with time zone,
    acked_by text DEFAULT ''::text NOT NULL,
    comment text DEFAULT ''::text NOT NULL,
    confirmed boolean,
    retain boolean NOT NULL,
    merged bigint DEFAULT 0 NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    shelved boolean,
    CONSTRAINT line_alarm_severity_check CHECK (((severity >= 0) AND (severity <= 1000)))
);

COMMENT ON COLUMN public.line_alarm.condition IS 'Node id of the condition; empty: an event without a state.';

COMMENT ON COLUMN public.line_alarm.end_seen IS 'False: found gone after an interruption; ended_at is when that was noticed.';

COMMENT ON COLUMN public.line_alarm.merged IS 'States that the agent did not tell one by one.';

COMMENT ON COLUMN public.line_alarm.shelved IS 'NULL: of a kind, or of a server, that nobody shelves.';

CREATE TABLE public.line_command (
    id uuid NOT NULL,
    line text NOT NULL,
    kind text NOT NULL,
    dry_run boolean NOT NULL,
    rehearsal_id uuid,
    job_order_id uuid,
    station text,
    body jsonb NOT NULL,
    actor text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    asked_at timestamp with time zone NOT NULL,
    sent_at timestamp with time zone NOT NULL,
    ok boolean,
    code text,
    changes jsonb DEFAULT '[]'::jsonb NOT NULL,
    done_at timestamp with time zone,
    CONSTRAINT line_command_answered CHECK ((((ok IS NULL) = (code IS NULL)) AND ((ok IS NULL) = (done_at IS NULL)))),
    CONSTRAINT line_command_rehearsed CHECK (((NOT dry_run) OR (rehearsal_id IS NULL)))
);

CREATE TABLE public.line_history (
    line text NOT NULL,
    since_at timestamp with time zone NOT NULL,
    stops integer DEFAULT 0 NOT NULL,
    stopped_s double precision DEFAULT 0 NOT NULL,
    bodies integer DEFAULT 0 NOT NULL,
    reworked integer DEFAULT 0 NOT NULL
);

CREATE TABLE public.line_job (
    id uuid NOT NULL,
    kind text NOT NULL,
    line text NOT NULL,
    body_id uuid,
    panel text,
    quantity integer DEFAULT 1 NOT NULL,
    state text NOT NULL,
    good integer DEFAULT 0 NOT NULL,
    scrap integer DEFAULT 0 NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    state_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone,
    ended_at timestamp with time zone,
    CONSTRAINT line_job_check CHECK (((kind <> 'die_lot'::text) OR (panel IS NOT NULL))),
    CONSTRAINT line_job_check1 CHECK (((kind = 'die_lot'::text) OR (body_id IS NOT NULL))),
    CONSTRAINT line_job_check2 CHECK ((started_at <= ended_at)),
    CONSTRAINT line_job_good_check CHECK ((good >= 0)),
    CONSTRAINT line_job_kind_check CHECK ((kind = ANY (ARRAY['body'::text, 'die_lot'::text, 'rework'::text]))),
    CONSTRAINT line_job_quantity_check CHECK ((quantity > 0)),
    CONSTRAINT line_job_scrap_check CHECK ((scrap >= 0)),
    CONSTRAINT line_job_state_check CHECK ((state = ANY (ARRAY['Waiting'::text, 'Pending'::text, 'Dispatched'::text, 'Ready'::text, 'Running'::text, 'Completed'::text, 'Aborted'::text, 'Held'::text, 'Suspended'::text, 'Closed'::text, 'Cancelled'::text])))
)
WITH (fillfactor='70');

CREATE TABLE public.line_record (
    line text NOT NULL,
    seq bigint NOT NULL,
    kind text NOT NULL,
    at timestamp with time zone NOT NULL
);

CREATE TABLE public.line_run (
    line text NOT NULL,
    order_id uuid NOT NULL,
    extra_s double precision NOT NULL,
    ended_at timestamp with time zone NOT NULL
);

CREATE TABLE public.line_stop (
    line text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    station text,
    reason text DEFAULT ''::text NOT NULL,
    event_id uuid NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT line_stop_check CHECK (((ended_at IS NULL) OR (started_at <= ended_at)))
);

CREATE TABLE public.loaded_recipe (
    line text NOT NULL,
    station text NOT NULL,
    variant text NOT NULL,
    version text,
    told_at timestamp with time zone,
    asked text,
    asked_over text,
    CONSTRAINT loaded_recipe_asked CHECK (((asked IS NULL) = (asked_over IS NULL))),
    CONSTRAINT loaded_recipe_told CHECK (((version IS NULL) = (told_at IS NULL)))
);

COMMENT ON COLUMN public.loaded_recipe.version IS 'Checksum that the line tells; NULL: it has told none yet, empty: it has none loaded.';

COMMENT ON COLUMN public.loaded_recipe.told_at IS 'Since when, plant time.';

COMMENT ON COLUMN public.loaded_recipe.asked IS 'Checksum of what was loaded by hand last, with values of its own.';

COMMENT ON COLUMN public.loaded_recipe.asked_over IS 'Checksum of the plant file''s recipe at that time; when that changes, it counts again.';

CREATE TABLE public.nonconformance (
    id uuid NOT NULL,
    number text NOT NULL,
    title text NOT NULL,
    state text NOT NULL,
    opened_by text NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    closed_by text,
    closed_at timestamp with time zone,
    row_version integer DEFAULT 1 NOT NULL,
    CONSTRAINT nonconformance_check CHECK ((((state = 'closed'::text) = (closed_at IS NOT NULL)) AND ((closed_by IS NULL) = (closed_at IS NULL)))),
    CONSTRAINT nonconformance_state_check CHECK ((state = ANY (ARRAY['open'::text, 'closed'::text]))),
    CONSTRAINT nonconformance_title_check CHECK ((title <> ''::text))
);

CREATE TABLE public.nonconformance_item (
    nonconformance_id uuid NOT NULL,
    hold_id uuid NOT NULL
);

CREATE SEQUENCE public.nonconformance_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

CREATE TABLE public.operation (
    line text NOT NULL,
    seq bigint NOT NULL,
    body_id uuid NOT NULL,
    job_order_id uuid NOT NULL,
    station text NOT NULL,
    step text NOT NULL,
    state text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone NOT NULL,
    process_values jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT operation_check CHECK ((started_at <= ended_at)),
    CONSTRAINT operation_state_check CHECK ((state = ANY (ARRAY['completed'::text, 'failed'::text])))
);

CREATE TABLE public.operator_report (
    id uuid NOT NULL,
    body_id uuid NOT NULL,
    line text NOT NULL,
    station text NOT NULL,
    outcome text NOT NULL,
    defect_kind text,
    note text DEFAULT ''::text NOT NULL,
    reported_by text NOT NULL,
    reported_at timestamp with time zone NOT NULL,
    CONSTRAINT operator_report_outcome_check CHECK ((outcome = ANY (ARRAY['good'::text, 'rework'::text, 'scrap'::text])))
);

CREATE TABLE public.order_body (
    body_id uuid NOT NULL,
    number text NOT NULL,
    order_id uuid NOT NULL,
    predecessor_id uuid,
    created_at timestamp with time zone NOT NULL,
    scrapped_at timestamp with time zone
);

CREATE TABLE public.order_bom (
    order_id uuid NOT NULL,
    part_number text NOT NULL,
    family text NOT NULL,
    name_en text NOT NULL,
    name_zh text NOT NULL,
    quantity numeric(12,3) NOT NULL,
    unit text NOT NULL,
    line text,
    station text,
    CONSTRAINT order_bom_quantity_check CHECK ((quantity > (0)::numeric))
);

CREATE SEQUENCE public.order_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

CREATE TABLE public.order_promise (
    id uuid NOT NULL,
    order_id uuid NOT NULL,
    promised_at timestamp with time zone NOT NULL,
    confidence double precision NOT NULL,
    assumed boolean NOT NULL,
    reasons jsonb NOT NULL,
    event_id uuid NOT NULL,
    made_at timestamp with time zone NOT NULL,
    CONSTRAINT order_promise_confidence_check CHECK (((confidence >= (0)::double precision) AND (confidence <= (1)::double precision)))
);

CREATE TABLE public.order_routing (
    order_id uuid NOT NULL,
    "position" integer NOT NULL,
    line text NOT NULL,
    step text NOT NULL,
    stations text[] NOT NULL,
    work_s double precision NOT NULL,
    CONSTRAINT order_routing_work_s_check CHECK ((work_s > (0)::double precision))
);

CREATE TABLE public.part_shortage (
    option text NOT NULL,
    pieces integer NOT NULL,
    until_at timestamp with time zone NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    planned integer DEFAULT 0 NOT NULL,
    reserved integer DEFAULT 0 NOT NULL,
    entered_by text NOT NULL,
    entered_at timestamp with time zone NOT NULL,
    CONSTRAINT part_not_over_promised CHECK (((planned + reserved) <= pieces)),
    CONSTRAINT part_shortage_pieces_check CHECK ((pieces >= 0)),
    CONSTRAINT part_shortage_planned_check CHECK ((planned >= 0)),
    CONSTRAINT part_shortage_reserved_check CHECK ((reserved >= 0))
);

CREATE TABLE public.plan (
    id uuid NOT NULL,
    site text NOT NULL,
    number integer NOT NULL,
    state text NOT NULL,
    kind text NOT NULL,
    cause text NOT NULL,
    base_id uuid,
    anchor_at timestamp with time zone NOT NULL,
    horizon_s integer NOT NULL,
    snapshot_hash text,
    budget_s double precision DEFAULT 0 NOT NULL,
    solved_s double precision,
    progress jsonb DEFAULT '{}'::jsonb NOT NULL,
    kpis jsonb,
    unplaced jsonb DEFAULT '[]'::jsonb NOT NULL,
    violations jsonb,
    failure text,
    problem bytea,
    schedule bytea,
    requested_by text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    published_at timestamp with time zone,
    published_by text,
    automatic boolean DEFAULT false NOT NULL,
    note text DEFAULT ''::text NOT NULL,
    superseded_at timestamp with time zone,
    row_version integer DEFAULT 1 NOT NULL,
    CONSTRAINT plan_horizon_s_check CHECK ((horizon_s > 0)),
    CONSTRAINT plan_kind_check CHECK ((kind = ANY (ARRAY['solve'::text, 'repair'::text]))),
    CONSTRAINT plan_number_check CHECK ((number >= 1)),
    CONSTRAINT plan_published_checks CHECK (((state <> ALL (ARRAY['published'::text, 'superseded'::text])) OR (violations = '[]'::jsonb))),
    CONSTRAINT plan_state_check CHECK ((state = ANY (ARRAY['solving'::text, 'draft'::text, 'published'::text, 'superseded'::text, 'failed'::text, 'discarded'::text])))
);

CREATE TABLE public.plan_branch (
    id uuid NOT NULL,
    site text NOT NULL,
    name text NOT NULL,
    state text NOT NULL,
    snapshot text NOT NULL,
    base_id uuid,
    changes jsonb DEFAULT '[]'::jsonb NOT NULL,
    problem bytea,
    schedule bytea,
    kpis jsonb,
    unplaced jsonb DEFAULT '[]'::jsonb NOT NULL,
    violations jsonb,
    outcome jsonb,
    failure text,
    solved_s double precision,
    plan_id uuid,
    created_by text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    row_version integer DEFAULT 1 NOT NULL,
    CONSTRAINT plan_branch_state_check CHECK ((state = ANY (ARRAY['open'::text, 'solving'::text, 'solved'::text, 'failed'::text, 'published'::text, 'discarded'::text])))
);

CREATE TABLE public.plan_change (
    id uuid NOT NULL,
    site text NOT NULL,
    change jsonb NOT NULL,
    entered_by text NOT NULL,
    entered_at timestamp with time zone NOT NULL,
    branch_id uuid
);

CREATE TABLE public.plan_lock (
    id uuid NOT NULL,
    site text NOT NULL,
    line text NOT NULL,
    order_id uuid,
    order_number text,
    from_at timestamp with time zone NOT NULL,
    to_at timestamp with time zone,
    locked_by text NOT NULL,
    locked_at timestamp with time zone NOT NULL,
    subject_id uuid NOT NULL,
    lot_id text,
    panel text,
    quantity integer,
    CONSTRAINT plan_lock_subject CHECK (
CASE
    WHEN (lot_id IS NULL) THEN ((order_id IS NOT NULL) AND (order_number IS NOT NULL))
    ELSE ((order_id IS NULL) AND (panel IS NOT NULL) AND (quantity > 0))
END),
    CONSTRAINT plan_lock_window CHECK ((from_at <= to_at))
);

COMMENT ON COLUMN public.plan_lock.to_at IS 'NULL: it only does not start before.';

COMMENT ON COLUMN public.plan_lock.subject_id IS 'The order, or the die lot as job orders know it.';

CREATE TABLE public.plan_permit (
    site text NOT NULL,
    occasions text[] NOT NULL,
    max_cars_moved integer,
    max_minutes integer,
    max_promises integer,
    entered_by text NOT NULL,
    entered_at timestamp with time zone NOT NULL,
    row_version integer NOT NULL,
    max_locks integer,
    CONSTRAINT plan_permit_max_cars_moved_check CHECK ((max_cars_moved >= 0)),
    CONSTRAINT plan_permit_max_locks_check CHECK ((max_locks >= 0)),
    CONSTRAINT plan_permit_max_minutes_check CHECK ((max_minutes >= 0)),
    CONSTRAINT plan_permit_max_promises_check CHECK ((max_promises >= 0))
);

CREATE TABLE public.plan_proposal (
    id uuid NOT NULL,
    site text NOT NULL,
    state text NOT NULL,
    cause text NOT NULL,
    news_seq bigint NOT NULL,
    base_id uuid NOT NULL,
    difference jsonb NOT NULL,
    breaches jsonb NOT NULL,
    event_id uuid NOT NULL,
    made_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    decided_at timestamp with time zone,
    decided_by text,
    note text DEFAULT ''::text NOT NULL,
    plan_id uuid,
    row_version integer DEFAULT 1 NOT NULL,
    CONSTRAINT plan_proposal_state_check CHECK ((state = ANY (ARRAY['open'::text, 'accepted'::text, 'rejected'::text, 'overtaken'::text])))
);

CREATE TABLE public.plan_snapshot (
    hash text NOT NULL,
    site text NOT NULL,
    at timestamp with time zone NOT NULL,
    facts bytea NOT NULL,
    reference bytea,
    starts jsonb DEFAULT '{}'::jsonb NOT NULL,
    finishes jsonb DEFAULT '{}'::jsonb NOT NULL
);

CREATE TABLE public.planned_operation (
    line text NOT NULL,
    subject_id uuid NOT NULL,
    kind text NOT NULL,
    order_id uuid,
    order_number text,
    car_id text,
    body_id uuid,
    body_number text,
    model text,
    color text,
    options text[] DEFAULT '{}'::text[] NOT NULL,
    lot_id text,
    panel text,
    quantity integer,
    sequence integer NOT NULL,
    start_at timestamp with time zone NOT NULL,
    end_at timestamp with time zone NOT NULL,
    need_by_at timestamp with time zone,
    finish_at timestamp with time zone,
    promised_at timestamp with time zone,
    frozen boolean DEFAULT false NOT NULL,
    started boolean DEFAULT false NOT NULL,
    actual_start_at timestamp with time zone,
    actual_end_at timestamp with time zone,
    CONSTRAINT planned_operation_kind_check CHECK ((kind = ANY (ARRAY['body'::text, 'die_lot'::text])))
);

CREATE TABLE public.planning_delay (
    hold_id uuid NOT NULL,
    body_id uuid NOT NULL,
    order_id uuid NOT NULL,
    line text NOT NULL,
    state text NOT NULL,
    cause text NOT NULL,
    defect_kind text,
    work_s double precision,
    since_at timestamp with time zone NOT NULL,
    available_at timestamp with time zone NOT NULL,
    inspection_event uuid,
    hold_event uuid NOT NULL,
    rework_event uuid,
    end_event uuid,
    missed_event uuid,
    base_plan_id uuid,
    ended_at timestamp with time zone,
    CONSTRAINT planning_delay_state_check CHECK ((state = ANY (ARRAY['held'::text, 'provisional'::text, 'confirmed'::text, 'ended'::text])))
);

CREATE TABLE public.planning_downtime (
    line text NOT NULL,
    station text,
    since_at timestamp with time zone NOT NULL,
    until_at timestamp with time zone NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    event_id uuid NOT NULL
);

CREATE TABLE public.planning_news (
    event_seq bigint NOT NULL,
    event_id uuid NOT NULL,
    kind text NOT NULL,
    order_id uuid,
    body_id uuid,
    hold_id uuid,
    line text,
    at timestamp with time zone NOT NULL,
    CONSTRAINT planning_news_kind_check CHECK ((kind = ANY (ARRAY['order'::text, 'changed'::text, 'gone'::text, 'delay'::text, 'reverted'::text, 'done'::text, 'scrapped'::text, 'down'::text, 'up'::text, 'change'::text, 'part'::text, 'rush'::text])))
);

CREATE TABLE public.plant_clock (
    id bigint NOT NULL,
    real_at timestamp with time zone NOT NULL,
    plant_at timestamp with time zone NOT NULL,
    factor double precision NOT NULL,
    CONSTRAINT plant_clock_factor_check CHECK ((factor >= (0)::double precision))
);

ALTER TABLE public.plant_clock ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.plant_clock_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.plant_line (
    id text NOT NULL,
    shop text NOT NULL,
    name_en text NOT NULL,
    name_zh text NOT NULL,
    calendar text NOT NULL,
    takt_s double precision NOT NULL,
    takes_from text,
    gives_to text NOT NULL,
    body_position integer,
    "position" integer NOT NULL,
    active boolean NOT NULL,
    CONSTRAINT plant_line_takt_s_check CHECK ((takt_s > (0)::double precision))
);

CREATE TABLE public.plant_shop (
    id text NOT NULL,
    name_en text NOT NULL,
    name_zh text NOT NULL,
    kind text NOT NULL,
    "position" integer NOT NULL,
    active boolean NOT NULL,
    CONSTRAINT plant_shop_kind_check CHECK ((kind = ANY (ARRAY['stamping'::text, 'welding'::text, 'painting'::text, 'assembly'::text, 'end_of_line'::text])))
);

CREATE TABLE public.plant_station (
    id text NOT NULL,
    line text NOT NULL,
    step text NOT NULL,
    name_en text NOT NULL,
    name_zh text NOT NULL,
    cycle_s double precision NOT NULL,
    reading_point boolean NOT NULL,
    camera text,
    "position" integer NOT NULL,
    active boolean NOT NULL,
    CONSTRAINT plant_station_cycle_s_check CHECK ((cycle_s > (0)::double precision))
);

CREATE TABLE public.plant_store (
    id text NOT NULL,
    name_en text NOT NULL,
    name_zh text NOT NULL,
    kind text NOT NULL,
    capacity integer NOT NULL,
    "position" integer NOT NULL,
    active boolean NOT NULL,
    CONSTRAINT plant_store_capacity_check CHECK ((capacity > 0)),
    CONSTRAINT plant_store_kind_check CHECK ((kind = ANY (ARRAY['panel'::text, 'body'::text, 'yard'::text])))
);

CREATE TABLE public.plant_version (
    version integer NOT NULL,
    site text NOT NULL,
    hash text NOT NULL,
    model jsonb NOT NULL,
    installed_at timestamp with time zone NOT NULL,
    installed_by text NOT NULL,
    active boolean NOT NULL,
    CONSTRAINT plant_version_hash_check CHECK ((hash ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT plant_version_version_check CHECK ((version > 0))
);

CREATE TABLE public.promise_move (
    hold_id uuid NOT NULL,
    order_id uuid NOT NULL,
    former_at timestamp with time zone NOT NULL,
    moved_at timestamp with time zone NOT NULL
);

CREATE TABLE public.promise_outcome (
    order_id uuid NOT NULL,
    promised_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone NOT NULL,
    kept boolean NOT NULL,
    first_promised_at timestamp with time zone,
    first_confidence double precision,
    assumed boolean,
    changes integer DEFAULT 0 NOT NULL,
    CONSTRAINT promise_outcome_changes_check CHECK ((changes >= 0)),
    CONSTRAINT promise_outcome_first_confidence_check CHECK (((first_confidence >= (0)::double precision) AND (first_confidence <= (1)::double precision)))
);

CREATE TABLE public.promise_watch (
    order_id uuid NOT NULL,
    late_since timestamp with time zone NOT NULL,
    reasons jsonb DEFAULT '[]'::jsonb NOT NULL,
    event_id uuid NOT NULL
);

CREATE TABLE public.quote (
    id uuid NOT NULL,
    number bigint NOT NULL,
    state text NOT NULL,
    model text NOT NULL,
    color text NOT NULL,
    options text[] NOT NULL,
    wanted_at timestamp with time zone,
    promised_at timestamp with time zone NOT NULL,
    confidence double precision NOT NULL,
    assumed boolean NOT NULL,
    reasons jsonb DEFAULT '[]'::jsonb NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    order_id uuid,
    created_at timestamp with time zone NOT NULL,
    created_by text NOT NULL,
    row_version integer DEFAULT 1 NOT NULL,
    not_sooner jsonb DEFAULT '[]'::jsonb NOT NULL,
    CONSTRAINT quote_confidence_check CHECK (((confidence >= (0)::double precision) AND (confidence <= (1)::double precision))),
    CONSTRAINT quote_state_check CHECK ((state = ANY (ARRAY['held'::text, 'confirmed'::text, 'cancelled'::text, 'expired'::text])))
);

ALTER TABLE public.quote ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.quote_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.rack (
    id text NOT NULL,
    panel text NOT NULL,
    line text,
    job_order_id uuid,
    quantity integer NOT NULL,
    remaining integer NOT NULL,
    overdrawn integer DEFAULT 0 NOT NULL,
    held boolean DEFAULT false NOT NULL,
    scrapped_at timestamp with time zone,
    received_at timestamp with time zone,
    CONSTRAINT rack_check CHECK ((remaining <= quantity)),
    CONSTRAINT rack_overdrawn_check CHECK ((overdrawn >= 0)),
    CONSTRAINT rack_quantity_check CHECK ((quantity >= 0)),
    CONSTRAINT rack_remaining_check CHECK ((remaining >= 0))
);

CREATE TABLE public.rate_window (
    subject text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    hits integer NOT NULL,
    CONSTRAINT rate_window_hits_check CHECK ((hits > 0))
);

CREATE TABLE public.reading_mismatch (
    id uuid NOT NULL,
    line text NOT NULL,
    station text NOT NULL,
    expected_body_id uuid,
    read_body_id uuid NOT NULL,
    event_id uuid NOT NULL,
    read_at timestamp with time zone NOT NULL,
    answer text,
    answered_by text,
    answered_at timestamp with time zone,
    done_at timestamp with time zone,
    CONSTRAINT reading_mismatch_answer_check CHECK ((answer = ANY (ARRAY['insert'::text, 'remove'::text, 'swap'::text]))),
    CONSTRAINT reading_mismatch_check CHECK ((((answer IS NULL) = (answered_at IS NULL)) AND ((answer IS NULL) = (answered_by IS NULL))))
);

CREATE VIEW public.reviewed_region AS
 SELECT i.id AS inspection_id,
    i.camera,
    i.variant,
    i.triggered_at,
    i.image_sha256,
    i.image_w,
    i.image_h,
    (i.reviewed_regions IS NOT NULL) AS drawn,
    r.place,
    ((r.region ->> 'x'::text))::integer AS x,
    ((r.region ->> 'y'::text))::integer AS y,
    ((r.region ->> 'w'::text))::integer AS w,
    ((r.region ->> 'h'::text))::integer AS h,
    COALESCE(NULLIF((r.region ->> 'label'::text), ''::text), i.defect_code) AS code
   FROM (public.inspection i
     CROSS JOIN LATERAL jsonb_array_elements(COALESCE(i.reviewed_regions, i.regions)) WITH ORDINALITY r(region, place))
  WHERE ((i.image_w IS NOT NULL) AND (i.verdict = ANY (ARRAY['OK'::text, 'NOK'::text])) AND ((i.review = 'confirmed'::text) OR ((i.review = 'escape'::text) AND (i.reviewed_regions IS NOT NULL))));

CREATE TABLE public.rework (
    id uuid NOT NULL,
    hold_id uuid NOT NULL,
    body_id uuid NOT NULL,
    line text NOT NULL,
    bay text NOT NULL,
    defect_kind text NOT NULL,
    work_s double precision NOT NULL,
    state text NOT NULL,
    by_policy boolean DEFAULT false NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    review_by_at timestamp with time zone NOT NULL,
    closed_at timestamp with time zone,
    CONSTRAINT rework_check CHECK (((state = ANY (ARRAY['reverted'::text, 'done'::text])) = (closed_at IS NOT NULL))),
    CONSTRAINT rework_state_check CHECK ((state = ANY (ARRAY['provisional'::text, 'confirmed'::text, 'reverted'::text, 'done'::text]))),
    CONSTRAINT rework_work_s_check CHECK ((work_s > (0)::double precision))
);

CREATE TABLE public.second_look (
    inspection_id uuid NOT NULL,
    first_defect boolean NOT NULL,
    first_code text,
    first_by text NOT NULL,
    defect boolean NOT NULL,
    code text,
    by text NOT NULL,
    looked_at timestamp with time zone NOT NULL,
    CONSTRAINT second_look_check CHECK ((by <> first_by))
);

CREATE TABLE public.telemetry (
    "time" timestamp with time zone NOT NULL,
    tag_id integer CONSTRAINT telemetry_tag_id_not_null1 NOT NULL,
    value double precision,
    status bigint NOT NULL,
    received_at timestamp with time zone NOT NULL
)
PARTITION BY RANGE ("time");

CREATE TABLE public.telemetry_default (
    "time" timestamp with time zone CONSTRAINT telemetry_time_not_null NOT NULL,
    tag_id integer CONSTRAINT telemetry_tag_id_not_null1 NOT NULL,
    value double precision,
    status bigint CONSTRAINT telemetry_status_not_null NOT NULL,
    received_at timestamp with time zone CONSTRAINT telemetry_received_at_not_null NOT NULL
);

CREATE TABLE public.telemetry_dirty (
    line text NOT NULL,
    minute timestamp with time zone NOT NULL,
    marks integer DEFAULT 1 NOT NULL
)
WITH (fillfactor='50');

CREATE TABLE public.telemetry_gap (
    id uuid NOT NULL,
    line text NOT NULL,
    tag_ids integer[],
    from_at timestamp with time zone NOT NULL,
    to_at timestamp with time zone NOT NULL,
    cause text NOT NULL,
    detail text DEFAULT ''::text NOT NULL,
    repair text DEFAULT 'none'::text NOT NULL,
    CONSTRAINT telemetry_gap_cause_check CHECK ((cause = ANY (ARRAY['agent_down'::text, 'link_lost'::text, 'data_silent'::text, 'queue_overflow'::text, 'journal_full'::text, 'poison'::text, 'node_refused'::text, 'poll_missed'::text]))),
    CONSTRAINT telemetry_gap_check CHECK ((from_at <= to_at)),
    CONSTRAINT telemetry_gap_repair_check CHECK ((repair = ANY (ARRAY['none'::text, 'resync'::text, 'history'::text])))
);

CREATE TABLE public.telemetry_hour (
    tag_id integer NOT NULL,
    hour timestamp with time zone NOT NULL,
    values_n integer NOT NULL,
    bad_n integer NOT NULL,
    mean double precision,
    low double precision,
    high double precision
);

CREATE TABLE public.telemetry_minute (
    tag_id integer NOT NULL,
    minute timestamp with time zone NOT NULL,
    values_n integer NOT NULL,
    bad_n integer NOT NULL,
    mean double precision,
    low double precision,
    high double precision
);

CREATE TABLE public.telemetry_seconds_of_minute (
    tag_id integer NOT NULL,
    minute timestamp with time zone NOT NULL,
    seconds smallint[] NOT NULL,
    values_n integer[] NOT NULL,
    bad_n integer[] NOT NULL,
    means double precision[] NOT NULL,
    lows double precision[] NOT NULL,
    highs double precision[] NOT NULL
)
PARTITION BY RANGE (minute);

CREATE VIEW public.telemetry_second AS
 SELECT m.tag_id,
    m.minute,
    (m.minute + ((s.second)::double precision * '00:00:01'::interval)) AS second,
    s.values_n,
    s.bad_n,
    s.mean,
    s.low,
    s.high
   FROM (public.telemetry_seconds_of_minute m
     CROSS JOIN LATERAL UNNEST(m.seconds, m.values_n, m.bad_n, m.means, m.lows, m.highs) s(second, values_n, bad_n, mean, low, high));

CREATE TABLE public.telemetry_seconds_of_minute_default (
    tag_id integer CONSTRAINT telemetry_seconds_of_minute_tag_id_not_null NOT NULL,
    minute timestamp with time zone CONSTRAINT telemetry_seconds_of_minute_minute_not_null NOT NULL,
    seconds smallint[] CONSTRAINT telemetry_seconds_of_minute_seconds_not_null NOT NULL,
    values_n integer[] CONSTRAINT telemetry_seconds_of_minute_values_n_not_null NOT NULL,
    bad_n integer[] CONSTRAINT telemetry_seconds_of_minute_bad_n_not_null NOT NULL,
    means double precision[] CONSTRAINT telemetry_seconds_of_minute_means_not_null NOT NULL,
    lows double precision[] CONSTRAINT telemetry_seconds_of_minute_lows_not_null NOT NULL,
    highs double precision[] CONSTRAINT telemetry_seconds_of_minute_highs_not_null NOT NULL
);

CREATE TABLE public.telemetry_tag (
    id integer NOT NULL,
    line text NOT NULL,
    station text NOT NULL,
    name text NOT NULL,
    unit text NOT NULL
);

CREATE TABLE public.user_session (
    token_hash bytea NOT NULL,
    user_id uuid NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

CREATE SEQUENCE public.vin_serial_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    MAXVALUE 999999
    CACHE 1;

CREATE TABLE public.vision_model (
    package_sha256 text NOT NULL,
    name text NOT NULL,
    version text NOT NULL,
    shop text NOT NULL,
    model_sha256 text NOT NULL,
    data_sha256 text NOT NULL,
    pipeline_version text NOT NULL,
    licence text NOT NULL,
    parents text[] NOT NULL,
    bytes integer NOT NULL,
    manifest jsonb NOT NULL,
    registered_at timestamp with time zone NOT NULL,
    registered_by text NOT NULL,
    CONSTRAINT vision_model_bytes_check CHECK ((bytes > 0)),
    CONSTRAINT vision_model_model_sha256_check CHECK ((model_sha256 ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT vision_model_package_sha256_check CHECK ((package_sha256 ~ '^[0-9a-f]{64}$'::text))
);

CREATE TABLE public.vision_pipeline (
    id uuid NOT NULL,
    name text NOT NULL,
    head integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    created_by text NOT NULL,
    CONSTRAINT vision_pipeline_head_check CHECK ((head >= 1)),
    CONSTRAINT vision_pipeline_name_check CHECK (((length(name) >= 1) AND (length(name) <= 80)))
);

CREATE TABLE public.vision_pipeline_picture (
    pipeline_id uuid NOT NULL,
    sha256 text NOT NULL,
    CONSTRAINT vision_pipeline_picture_sha256_check CHECK ((sha256 ~ '^[0-9a-f]{64}$'::text))
);

CREATE TABLE public.vision_pipeline_version (
    pipeline_id uuid NOT NULL,
    number integer NOT NULL,
    content_sha256 text NOT NULL,
    document jsonb NOT NULL,
    can_run boolean NOT NULL,
    note text NOT NULL,
    saved_at timestamp with time zone NOT NULL,
    saved_by text NOT NULL,
    CONSTRAINT vision_pipeline_version_content_sha256_check CHECK ((content_sha256 ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT vision_pipeline_version_number_check CHECK ((number >= 1))
);

CREATE TABLE public.vision_publication (
    id uuid NOT NULL,
    camera text NOT NULL,
    pipeline_id uuid NOT NULL,
    number integer NOT NULL,
    content_sha256 text NOT NULL,
    bundle_sha256 text NOT NULL,
    state text NOT NULL,
    began_at timestamp with time zone NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    changed_by text NOT NULL,
    reason text,
    followed uuid,
    every integer DEFAULT 5 NOT NULL,
    CONSTRAINT vision_publication_bundle_sha256_check CHECK ((bundle_sha256 ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT vision_publication_content_sha256_check CHECK ((content_sha256 ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT vision_publication_every_check CHECK (((every >= 2) AND (every <= 100))),
    CONSTRAINT vision_publication_state_check CHECK ((state = ANY (ARRAY['shadow'::text, 'canary'::text, 'published'::text, 'retired'::text])))
);

CREATE TABLE public.vision_rollout (
    id uuid NOT NULL,
    camera text NOT NULL,
    package_sha256 text NOT NULL,
    state text NOT NULL,
    began_at timestamp with time zone NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    changed_by text NOT NULL,
    reason text,
    followed uuid,
    every integer DEFAULT 5 NOT NULL,
    CONSTRAINT vision_rollout_every_check CHECK (((every >= 2) AND (every <= 100))),
    CONSTRAINT vision_rollout_state_check CHECK ((state = ANY (ARRAY['shadow'::text, 'canary'::text, 'active'::text, 'retired'::text])))
);

CREATE TABLE public.vision_training (
    id uuid NOT NULL,
    camera text NOT NULL,
    scene text NOT NULL,
    variant text,
    from_at timestamp with time zone NOT NULL,
    to_at timestamp with time zone NOT NULL,
    assumed_good boolean NOT NULL,
    target_overkill double precision NOT NULL,
    target_escape double precision,
    state text NOT NULL,
    progress jsonb DEFAULT '{}'::jsonb NOT NULL,
    stop_asked boolean DEFAULT false NOT NULL,
    failure jsonb,
    figures jsonb,
    package_sha256 text,
    asked_by text NOT NULL,
    asked_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    regions text DEFAULT 'none'::text NOT NULL,
    epochs integer,
    CONSTRAINT vision_training_check CHECK ((to_at > from_at)),
    CONSTRAINT vision_training_epochs_check CHECK (((epochs >= 1) AND (epochs <= 200))),
    CONSTRAINT vision_training_regions_check CHECK ((regions = ANY (ARRAY['none'::text, 'drawn'::text, 'confirmed'::text]))),
    CONSTRAINT vision_training_state_check CHECK ((state = ANY (ARRAY['examining'::text, 'examined'::text, 'training'::text, 'trained'::text, 'failed'::text, 'stopped'::text]))),
    CONSTRAINT vision_training_target_escape_check CHECK (((target_escape > (0)::double precision) AND (target_escape < (1)::double precision))),
    CONSTRAINT vision_training_target_overkill_check CHECK (((target_overkill > (0)::double precision) AND (target_overkill < (1)::double precision)))
);

CREATE TABLE public.vision_training_picture (
    training_id uuid NOT NULL,
    inspection_id uuid NOT NULL,
    image_sha256 text NOT NULL,
    truth text NOT NULL,
    reviewed boolean NOT NULL,
    kind text,
    use text NOT NULL,
    twins integer,
    findings text[] DEFAULT '{}'::text[] NOT NULL,
    old jsonb,
    new jsonb,
    drawn jsonb,
    CONSTRAINT vision_training_picture_truth_check CHECK ((truth = ANY (ARRAY['good'::text, 'defect'::text]))),
    CONSTRAINT vision_training_picture_use_check CHECK ((use = ANY (ARRAY['learn'::text, 'measure'::text, 'left_out'::text])))
);

CREATE TABLE public.work_shift (
    calendar text NOT NULL,
    start_at timestamp with time zone NOT NULL,
    end_at timestamp with time zone NOT NULL,
    code text NOT NULL,
    name_en text NOT NULL,
    name_zh text NOT NULL,
    day date NOT NULL,
    time_zone text NOT NULL,
    breaks tstzmultirange NOT NULL,
    CONSTRAINT work_shift_check CHECK ((end_at > start_at))
);

ALTER TABLE ONLY public.telemetry ATTACH PARTITION public.telemetry_default DEFAULT;

ALTER TABLE ONLY public.telemetry_seconds_of_minute ATTACH PARTITION public.telemetry_seconds_of_minute_default DEFAULT;

ALTER TABLE ONLY public.agent_certificate_alarm
    ADD CONSTRAINT agent_certificate_alarm_pkey PRIMARY KEY (line, thumbprint, days);

ALTER TABLE ONLY public.agent_certificate
    ADD CONSTRAINT agent_certificate_pkey PRIMARY KEY (line, thumbprint);

ALTER TABLE ONLY public.agent_client_certificate
    ADD CONSTRAINT agent_client_certificate_pkey PRIMARY KEY (fingerprint);

ALTER TABLE ONLY public.agent_code
    ADD CONSTRAINT agent_code_pkey PRIMARY KEY (code_hash);

ALTER TABLE ONLY public.agent_command
    ADD CONSTRAINT agent_command_id_key UNIQUE (id);

ALTER TABLE ONLY public.agent_command
    ADD CONSTRAINT agent_command_pkey PRIMARY KEY (line, number);

ALTER TABLE ONLY public.agent_epoch
    ADD CONSTRAINT agent_epoch_instance UNIQUE (agent_id, instance);

ALTER TABLE ONLY public.agent_epoch
    ADD CONSTRAINT agent_epoch_pkey PRIMARY KEY (agent_id, epoch);

ALTER TABLE ONLY public.agent
    ADD CONSTRAINT agent_line_key UNIQUE (line);

ALTER TABLE ONLY public.agent_outbox
    ADD CONSTRAINT agent_outbox_pkey PRIMARY KEY (line);

ALTER TABLE ONLY public.agent
    ADD CONSTRAINT agent_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.agent_token
    ADD CONSTRAINT agent_token_pkey PRIMARY KEY (token_hash);

ALTER TABLE ONLY public.agreement_part
    ADD CONSTRAINT agreement_part_pkey PRIMARY KEY (study_id, number);

ALTER TABLE ONLY public.agreement_study
    ADD CONSTRAINT agreement_study_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.agreement_verdict
    ADD CONSTRAINT agreement_verdict_pkey PRIMARY KEY (study_id, appraiser, trial, part);

ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);

ALTER TABLE ONLY public.andon_call
    ADD CONSTRAINT andon_call_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.api_token
    ADD CONSTRAINT api_token_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.api_token
    ADD CONSTRAINT api_token_token_hash_key UNIQUE (token_hash);

ALTER TABLE ONLY public.app_user
    ADD CONSTRAINT app_user_name_key UNIQUE (name);

ALTER TABLE ONLY public.app_user
    ADD CONSTRAINT app_user_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.app_user_role
    ADD CONSTRAINT app_user_role_pkey PRIMARY KEY (user_id, role);

ALTER TABLE ONLY public.audit_entry
    ADD CONSTRAINT audit_entry_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.body
    ADD CONSTRAINT body_number_key UNIQUE (number);

ALTER TABLE ONLY public.body
    ADD CONSTRAINT body_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.built_in
    ADD CONSTRAINT built_in_pkey PRIMARY KEY (line, seq, item);

ALTER TABLE ONLY public.capacity_option
    ADD CONSTRAINT capacity_option_pkey PRIMARY KEY (line, shift_id, rule);

ALTER TABLE ONLY public.capacity_reservation
    ADD CONSTRAINT capacity_reservation_holder UNIQUE (holder, holder_id);

ALTER TABLE ONLY public.capacity_reservation
    ADD CONSTRAINT capacity_reservation_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.capacity_shift
    ADD CONSTRAINT capacity_shift_pkey PRIMARY KEY (line, shift_id);

ALTER TABLE ONLY public.catalog_addition
    ADD CONSTRAINT catalog_addition_code_key UNIQUE (code);

ALTER TABLE ONLY public.catalog_addition
    ADD CONSTRAINT catalog_addition_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.catalog_version
    ADD CONSTRAINT catalog_version_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.catalog_version
    ADD CONSTRAINT catalog_version_version_key UNIQUE (version);

ALTER TABLE ONLY public.customer_link_key
    ADD CONSTRAINT customer_link_key_pkey PRIMARY KEY (one);

ALTER TABLE ONLY public.customer_order
    ADD CONSTRAINT customer_order_body_id_key UNIQUE (body_id);

ALTER TABLE ONLY public.customer_order
    ADD CONSTRAINT customer_order_external_key UNIQUE (channel, external_id);

ALTER TABLE ONLY public.customer_order
    ADD CONSTRAINT customer_order_number_key UNIQUE (number);

ALTER TABLE ONLY public.customer_order
    ADD CONSTRAINT customer_order_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.customer_order
    ADD CONSTRAINT customer_order_vin_key UNIQUE (vin);

ALTER TABLE ONLY public.dispatch_wish
    ADD CONSTRAINT dispatch_wish_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.disposition_undone
    ADD CONSTRAINT disposition_undone_pkey PRIMARY KEY (hold_id, decided_at);

ALTER TABLE ONLY public.drift_alarm
    ADD CONSTRAINT drift_alarm_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.equipment_silence
    ADD CONSTRAINT equipment_silence_pkey PRIMARY KEY (line, started_at);

ALTER TABLE ONLY public.equipment_state
    ADD CONSTRAINT equipment_state_pkey PRIMARY KEY (line, station);

ALTER TABLE ONLY public.event_cursor
    ADD CONSTRAINT event_cursor_pkey PRIMARY KEY (handler);

ALTER TABLE ONLY public.event_failure
    ADD CONSTRAINT event_failure_pkey PRIMARY KEY (handler, event_seq);

ALTER TABLE ONLY public.event
    ADD CONSTRAINT event_id_key UNIQUE (id);

ALTER TABLE ONLY public.event
    ADD CONSTRAINT event_pkey PRIMARY KEY (seq);

ALTER TABLE ONLY public.gauge_study
    ADD CONSTRAINT gauge_study_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.hold
    ADD CONSTRAINT hold_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.idempotent_answer
    ADD CONSTRAINT idempotent_answer_pkey PRIMARY KEY (client, key);

ALTER TABLE ONLY public.ingest_loss
    ADD CONSTRAINT ingest_loss_pkey PRIMARY KEY (agent_id, epoch, stream, from_seq);

ALTER TABLE ONLY public.ingest_quarantine
    ADD CONSTRAINT ingest_quarantine_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.ingest_watermark
    ADD CONSTRAINT ingest_watermark_pkey PRIMARY KEY (agent_id, epoch, stream);

ALTER TABLE ONLY public.inspection_beside
    ADD CONSTRAINT inspection_beside_pkey PRIMARY KEY (inspection_id);

ALTER TABLE ONLY public.inspection_image
    ADD CONSTRAINT inspection_image_pkey PRIMARY KEY (sha256);

ALTER TABLE ONLY public.inspection
    ADD CONSTRAINT inspection_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.inspection_steps
    ADD CONSTRAINT inspection_steps_pkey PRIMARY KEY (inspection_id);

ALTER TABLE ONLY public.job_command
    ADD CONSTRAINT job_command_pkey PRIMARY KEY (command_id);

ALTER TABLE ONLY public.job_order
    ADD CONSTRAINT job_order_once UNIQUE (subject_id, line, attempt);

ALTER TABLE ONLY public.job_order
    ADD CONSTRAINT job_order_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.line_alarm
    ADD CONSTRAINT line_alarm_once UNIQUE (line, condition, branch, began_at);

ALTER TABLE ONLY public.line_alarm
    ADD CONSTRAINT line_alarm_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.line_command
    ADD CONSTRAINT line_command_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.line_history
    ADD CONSTRAINT line_history_pkey PRIMARY KEY (line);

ALTER TABLE ONLY public.line_job
    ADD CONSTRAINT line_job_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.line_record
    ADD CONSTRAINT line_record_pkey PRIMARY KEY (line, seq);

ALTER TABLE ONLY public.line_run
    ADD CONSTRAINT line_run_pkey PRIMARY KEY (line, order_id);

ALTER TABLE ONLY public.line_stop
    ADD CONSTRAINT line_stop_pkey PRIMARY KEY (line, started_at);

ALTER TABLE ONLY public.loaded_recipe
    ADD CONSTRAINT loaded_recipe_pkey PRIMARY KEY (line, station, variant);

ALTER TABLE ONLY public.nonconformance_item
    ADD CONSTRAINT nonconformance_item_pkey PRIMARY KEY (nonconformance_id, hold_id);

ALTER TABLE ONLY public.nonconformance
    ADD CONSTRAINT nonconformance_number_key UNIQUE (number);

ALTER TABLE ONLY public.nonconformance
    ADD CONSTRAINT nonconformance_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.operation
    ADD CONSTRAINT operation_pkey PRIMARY KEY (line, seq);

ALTER TABLE ONLY public.operator_report
    ADD CONSTRAINT operator_report_once UNIQUE (body_id, station, outcome);

ALTER TABLE ONLY public.operator_report
    ADD CONSTRAINT operator_report_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.order_body
    ADD CONSTRAINT order_body_number_key UNIQUE (number);

ALTER TABLE ONLY public.order_body
    ADD CONSTRAINT order_body_pkey PRIMARY KEY (body_id);

ALTER TABLE ONLY public.order_body
    ADD CONSTRAINT order_body_predecessor_key UNIQUE (predecessor_id);

ALTER TABLE ONLY public.order_bom
    ADD CONSTRAINT order_bom_pkey PRIMARY KEY (order_id, part_number);

ALTER TABLE ONLY public.order_promise
    ADD CONSTRAINT order_promise_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.order_routing
    ADD CONSTRAINT order_routing_pkey PRIMARY KEY (order_id, "position");

ALTER TABLE ONLY public.part_shortage
    ADD CONSTRAINT part_shortage_pkey PRIMARY KEY (option);

ALTER TABLE ONLY public.plan_branch
    ADD CONSTRAINT plan_branch_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.plan_change
    ADD CONSTRAINT plan_change_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.plan_lock
    ADD CONSTRAINT plan_lock_once UNIQUE (site, line, subject_id);

ALTER TABLE ONLY public.plan_lock
    ADD CONSTRAINT plan_lock_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.plan
    ADD CONSTRAINT plan_number_once UNIQUE (site, number);

ALTER TABLE ONLY public.plan_permit
    ADD CONSTRAINT plan_permit_pkey PRIMARY KEY (site);

ALTER TABLE ONLY public.plan
    ADD CONSTRAINT plan_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.plan_proposal
    ADD CONSTRAINT plan_proposal_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.plan_snapshot
    ADD CONSTRAINT plan_snapshot_pkey PRIMARY KEY (hash);

ALTER TABLE ONLY public.planned_operation
    ADD CONSTRAINT planned_operation_pkey PRIMARY KEY (line, subject_id);

ALTER TABLE ONLY public.planning_delay
    ADD CONSTRAINT planning_delay_pkey PRIMARY KEY (hold_id);

ALTER TABLE ONLY public.planning_downtime
    ADD CONSTRAINT planning_downtime_pkey PRIMARY KEY (line);

ALTER TABLE ONLY public.planning_news
    ADD CONSTRAINT planning_news_pkey PRIMARY KEY (event_seq);

ALTER TABLE ONLY public.plant_clock
    ADD CONSTRAINT plant_clock_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.plant_line
    ADD CONSTRAINT plant_line_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.plant_shop
    ADD CONSTRAINT plant_shop_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.plant_station
    ADD CONSTRAINT plant_station_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.plant_store
    ADD CONSTRAINT plant_store_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.plant_version
    ADD CONSTRAINT plant_version_pkey PRIMARY KEY (version);

ALTER TABLE ONLY public.promise_move
    ADD CONSTRAINT promise_move_pkey PRIMARY KEY (hold_id, order_id);

ALTER TABLE ONLY public.promise_outcome
    ADD CONSTRAINT promise_outcome_pkey PRIMARY KEY (order_id);

ALTER TABLE ONLY public.promise_watch
    ADD CONSTRAINT promise_watch_pkey PRIMARY KEY (order_id);

ALTER TABLE ONLY public.quote
    ADD CONSTRAINT quote_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.rack
    ADD CONSTRAINT rack_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.rate_window
    ADD CONSTRAINT rate_window_pkey PRIMARY KEY (subject);

ALTER TABLE ONLY public.reading_mismatch
    ADD CONSTRAINT reading_mismatch_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.rework
    ADD CONSTRAINT rework_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.second_look
    ADD CONSTRAINT second_look_pkey PRIMARY KEY (inspection_id);

ALTER TABLE ONLY public.telemetry_dirty
    ADD CONSTRAINT telemetry_dirty_pkey PRIMARY KEY (line, minute);

ALTER TABLE ONLY public.telemetry_gap
    ADD CONSTRAINT telemetry_gap_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.telemetry_hour
    ADD CONSTRAINT telemetry_hour_pkey PRIMARY KEY (tag_id, hour);

ALTER TABLE ONLY public.telemetry_minute
    ADD CONSTRAINT telemetry_minute_pkey PRIMARY KEY (tag_id, minute);

ALTER TABLE ONLY public.telemetry_seconds_of_minute
    ADD CONSTRAINT telemetry_seconds_of_minute_pkey PRIMARY KEY (tag_id, minute);

ALTER TABLE ONLY public.telemetry_seconds_of_minute_default
    ADD CONSTRAINT telemetry_seconds_of_minute_default_pkey PRIMARY KEY (tag_id, minute);

ALTER TABLE ONLY public.telemetry_tag
    ADD CONSTRAINT telemetry_tag_name UNIQUE (station, name);

ALTER TABLE ONLY public.telemetry_tag
    ADD CONSTRAINT telemetry_tag_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.user_session
    ADD CONSTRAINT user_session_pkey PRIMARY KEY (token_hash);

ALTER TABLE ONLY public.vision_model
    ADD CONSTRAINT vision_model_pkey PRIMARY KEY (package_sha256);

ALTER TABLE ONLY public.vision_pipeline
    ADD CONSTRAINT vision_pipeline_name UNIQUE (name);

ALTER TABLE ONLY public.vision_pipeline_picture
    ADD CONSTRAINT vision_pipeline_picture_pkey PRIMARY KEY (sha256, pipeline_id);

ALTER TABLE ONLY public.vision_pipeline
    ADD CONSTRAINT vision_pipeline_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.vision_pipeline_version
    ADD CONSTRAINT vision_pipeline_version_pkey PRIMARY KEY (pipeline_id, number);

ALTER TABLE ONLY public.vision_publication
    ADD CONSTRAINT vision_publication_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.vision_rollout
    ADD CONSTRAINT vision_rollout_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.vision_training_picture
    ADD CONSTRAINT vision_training_picture_pkey PRIMARY KEY (training_id, inspection_id);

ALTER TABLE ONLY public.vision_training
    ADD CONSTRAINT vision_training_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.work_shift
    ADD CONSTRAINT work_shift_pkey PRIMARY KEY (calendar, start_at, code);

CREATE INDEX agent_client_certificate_agent ON public.agent_client_certificate USING btree (agent_id, expires_at DESC);

CREATE INDEX agreement_part_image ON public.agreement_part USING btree (image_sha256);

CREATE UNIQUE INDEX andon_call_one_open ON public.andon_call USING btree (station) WHERE (cleared_at IS NULL);

CREATE INDEX audit_entry_actor ON public.audit_entry USING btree (actor, id);

CREATE INDEX audit_entry_subject ON public.audit_entry USING btree (subject, id);

CREATE INDEX body_in_process ON public.body USING btree (place, line, store, since_at) WHERE (place = ANY (ARRAY['line'::text, 'bay'::text, 'store'::text]));

CREATE INDEX body_order ON public.body USING btree (order_id);

CREATE INDEX body_vin ON public.body USING btree (vin);

CREATE INDEX built_in_body ON public.built_in USING btree (body_id, built_at);

CREATE INDEX built_in_lot ON public.built_in USING btree (lot, material) WHERE (lot IS NOT NULL);

CREATE INDEX built_in_serial ON public.built_in USING btree (serial) WHERE (serial IS NOT NULL);

CREATE INDEX capacity_reservation_expiry ON public.capacity_reservation USING btree (expires_at) WHERE (expires_at IS NOT NULL);

CREATE INDEX capacity_shift_by_start ON public.capacity_shift USING btree (line, start_at);

CREATE INDEX catalog_version_effective ON public.catalog_version USING btree (effective_from, id);

CREATE INDEX customer_order_promised ON public.customer_order USING btree (promised_at) WHERE (promised_at IS NOT NULL);

CREATE INDEX customer_order_stage ON public.customer_order USING btree (stage, number);

CREATE INDEX drift_alarm_newest ON public.drift_alarm USING btree (camera, raised_at DESC);

CREATE UNIQUE INDEX drift_alarm_standing ON public.drift_alarm USING btree (camera, measure) WHERE (ended_at IS NULL);

CREATE INDEX equipment_interval_age ON public.equipment_interval USING brin (ended_at);

CREATE INDEX equipment_interval_station ON public.equipment_interval USING btree (line, station, started_at);

CREATE UNIQUE INDEX equipment_silence_one_open ON public.equipment_silence USING btree (line) WHERE (ended_at IS NULL);

CREATE INDEX event_commit_order ON public.event USING btree (xid, seq);

CREATE INDEX event_correlation ON public.event USING btree (correlation_id, seq) WHERE (correlation_id IS NOT NULL);

CREATE INDEX event_subject ON public.event USING btree (subject, seq);

CREATE INDEX event_type ON public.event USING btree (type, seq);

CREATE INDEX hold_body ON public.hold USING btree (body_id) WHERE (body_id IS NOT NULL);

CREATE UNIQUE INDEX hold_once_per_inspection ON public.hold USING btree (inspection_id, body_id) WHERE ((inspection_id IS NOT NULL) AND (body_id IS NOT NULL));

CREATE UNIQUE INDEX hold_one_per_rack ON public.hold USING btree (rack) WHERE ((rack IS NOT NULL) AND (closed_at IS NULL));

CREATE INDEX hold_undecided ON public.hold USING btree (placed_at) WHERE (closed_at IS NULL);

CREATE INDEX idempotent_answer_created ON public.idempotent_answer USING btree (created_at);

CREATE INDEX ingest_quarantine_open ON public.ingest_quarantine USING btree (line, arrived_at) WHERE (settled_at IS NULL);

CREATE INDEX inspection_beside_camera ON public.inspection_beside USING btree (camera, triggered_at);

CREATE INDEX inspection_body ON public.inspection USING btree (body_id, triggered_at) WHERE (body_id IS NOT NULL);

CREATE INDEX inspection_by_image ON public.inspection USING btree (image_sha256) WHERE (image_sha256 IS NOT NULL);

CREATE INDEX inspection_camera ON public.inspection USING btree (camera, variant, triggered_at);

CREATE INDEX inspection_lot ON public.inspection USING btree (lot, triggered_at) WHERE (lot IS NOT NULL);

CREATE INDEX inspection_model ON public.inspection USING btree (model_sha256, model_version, triggered_at DESC) WHERE (model_sha256 <> ''::text);

CREATE INDEX inspection_recent ON public.inspection USING btree (triggered_at);

CREATE INDEX inspection_reviewed ON public.inspection USING btree (reviewed_at) WHERE (review IS NOT NULL);

CREATE INDEX job_command_open ON public.job_command USING btree (job_order_id) WHERE (ok IS NULL);

CREATE INDEX job_order_by_body ON public.job_order USING btree (body_id);

CREATE INDEX job_order_open ON public.job_order USING btree (line, sequence) WHERE (state <> ALL (ARRAY['Completed'::text, 'Aborted'::text, 'Closed'::text, 'Cancelled'::text]));

CREATE INDEX line_alarm_newest ON public.line_alarm USING btree (began_at DESC);

CREATE INDEX line_alarm_standing ON public.line_alarm USING btree (line, severity DESC) WHERE ((ended_at IS NULL) OR retain);

CREATE INDEX line_command_newest ON public.line_command USING btree (line, sent_at DESC);

CREATE INDEX line_command_rehearsal ON public.line_command USING btree (rehearsal_id) WHERE (rehearsal_id IS NOT NULL);

CREATE INDEX line_job_body ON public.line_job USING btree (body_id, started_at) WHERE (body_id IS NOT NULL);

CREATE INDEX line_job_line ON public.line_job USING btree (line, started_at);

CREATE INDEX line_run_newest ON public.line_run USING btree (line, ended_at DESC);

CREATE UNIQUE INDEX line_stop_one_open ON public.line_stop USING btree (line) WHERE (ended_at IS NULL);

CREATE INDEX nonconformance_item_hold ON public.nonconformance_item USING btree (hold_id);

CREATE INDEX operation_body ON public.operation USING btree (body_id, ended_at);

CREATE INDEX operation_station ON public.operation USING btree (line, station, ended_at);

CREATE UNIQUE INDEX order_body_one_alive ON public.order_body USING btree (order_id) WHERE (scrapped_at IS NULL);

CREATE INDEX order_body_order ON public.order_body USING btree (order_id);

CREATE INDEX order_promise_order ON public.order_promise USING btree (order_id, made_at, id);

CREATE INDEX plan_branch_recent ON public.plan_branch USING btree (site, created_at DESC);

CREATE INDEX plan_change_in_force ON public.plan_change USING btree (site, entered_at);

CREATE UNIQUE INDEX plan_one_published ON public.plan USING btree (site) WHERE (state = 'published'::text);

CREATE UNIQUE INDEX plan_one_solving ON public.plan USING btree (site) WHERE (state = 'solving'::text);

CREATE UNIQUE INDEX plan_proposal_one_open ON public.plan_proposal USING btree (site) WHERE (state = 'open'::text);

CREATE INDEX plan_proposal_recent ON public.plan_proposal USING btree (site, created_at DESC);

CREATE INDEX plan_recent ON public.plan USING btree (site, number DESC);

CREATE INDEX planned_operation_by_order ON public.planned_operation USING btree (order_id);

CREATE INDEX planned_operation_by_start ON public.planned_operation USING btree (line, start_at);

CREATE INDEX planned_operation_window ON public.planned_operation USING btree (start_at, end_at);

CREATE INDEX planning_delay_open ON public.planning_delay USING btree (body_id) WHERE (state <> 'ended'::text);

CREATE INDEX plant_station_line ON public.plant_station USING btree (line, "position");

CREATE UNIQUE INDEX plant_version_one_active ON public.plant_version USING btree (active) WHERE active;

CREATE INDEX promise_outcome_newest ON public.promise_outcome USING btree (finished_at DESC);

CREATE INDEX rack_from_line ON public.rack USING btree (line, panel, received_at);

CREATE INDEX rack_in_stock ON public.rack USING btree (panel, received_at) WHERE ((remaining > 0) AND (scrapped_at IS NULL));

CREATE INDEX rate_window_started ON public.rate_window USING btree (started_at);

CREATE UNIQUE INDEX reading_mismatch_one_open ON public.reading_mismatch USING btree (line, station) WHERE (done_at IS NULL);

CREATE INDEX rework_confirmed ON public.rework USING btree (body_id) WHERE (state = 'confirmed'::text);

CREATE UNIQUE INDEX rework_one_alive ON public.rework USING btree (hold_id) WHERE (state = ANY (ARRAY['provisional'::text, 'confirmed'::text]));

CREATE INDEX rework_unreviewed ON public.rework USING btree (review_by_at) WHERE (state = 'provisional'::text);

CREATE INDEX second_look_when ON public.second_look USING btree (looked_at);

CREATE INDEX telemetry_time ON ONLY public.telemetry USING brin ("time") WITH (pages_per_range='16');

CREATE INDEX telemetry_default_time_idx ON public.telemetry_default USING brin ("time") WITH (pages_per_range='16');

CREATE INDEX telemetry_gap_line ON public.telemetry_gap USING btree (line, from_at);

CREATE INDEX telemetry_hour_time ON public.telemetry_hour USING brin (hour) WITH (pages_per_range='32', autosummarize='on');

CREATE INDEX telemetry_minute_time ON public.telemetry_minute USING brin (minute) WITH (pages_per_range='32', autosummarize='on');

CREATE INDEX telemetry_tag_line ON public.telemetry_tag USING btree (line);

CREATE INDEX user_session_expiry ON public.user_session USING btree (expires_at);

CREATE INDEX user_session_user ON public.user_session USING btree (user_id);

CREATE INDEX vision_publication_bundle ON public.vision_publication USING btree (bundle_sha256);

CREATE INDEX vision_publication_camera ON public.vision_publication USING btree (camera, changed_at);

CREATE UNIQUE INDEX vision_publication_published ON public.vision_publication USING btree (camera) WHERE (state = 'published'::text);

CREATE UNIQUE INDEX vision_publication_trial ON public.vision_publication USING btree (camera) WHERE (state = ANY (ARRAY['shadow'::text, 'canary'::text]));

CREATE UNIQUE INDEX vision_rollout_active ON public.vision_rollout USING btree (camera) WHERE (state = 'active'::text);

CREATE INDEX vision_rollout_camera ON public.vision_rollout USING btree (camera, changed_at);

CREATE UNIQUE INDEX vision_rollout_trial ON public.vision_rollout USING btree (camera) WHERE (state = ANY (ARRAY['shadow'::text, 'canary'::text]));

CREATE INDEX vision_training_asked ON public.vision_training USING btree (asked_at);

CREATE INDEX vision_training_picture_image ON public.vision_training_picture USING btree (image_sha256);

CREATE INDEX work_shift_time ON public.work_shift USING btree (start_at, end_at);

ALTER INDEX public.telemetry_time ATTACH PARTITION public.telemetry_default_time_idx;

ALTER INDEX public.telemetry_seconds_of_minute_pkey ATTACH PARTITION public.telemetry_seconds_of_minute_default_pkey;

CREATE TRIGGER event_append_only BEFORE DELETE OR UPDATE ON public.event FOR EACH ROW EXECUTE FUNCTION public.event_is_append_only();

ALTER TABLE ONLY public.agent_client_certificate
    ADD CONSTRAINT agent_client_certificate_agent_id_fkey FOREIGN KEY (agent_id) REFERENCES public.agent(id);

ALTER TABLE ONLY public.agent_code
    ADD CONSTRAINT agent_code_agent_id_fkey FOREIGN KEY (agent_id) REFERENCES public.agent(id);

ALTER TABLE ONLY public.agent_epoch
    ADD CONSTRAINT agent_epoch_agent_id_fkey FOREIGN KEY (agent_id) REFERENCES public.agent(id);

ALTER TABLE ONLY public.agent_token
    ADD CONSTRAINT agent_token_agent_id_fkey FOREIGN KEY (agent_id) REFERENCES public.agent(id);

ALTER TABLE ONLY public.agreement_part
    ADD CONSTRAINT agreement_part_study_id_fkey FOREIGN KEY (study_id) REFERENCES public.agreement_study(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.agreement_verdict
    ADD CONSTRAINT agreement_verdict_study_id_part_fkey FOREIGN KEY (study_id, part) REFERENCES public.agreement_part(study_id, number) ON DELETE CASCADE;

ALTER TABLE ONLY public.app_user_role
    ADD CONSTRAINT app_user_role_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.app_user(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.body
    ADD CONSTRAINT body_predecessor_id_fkey FOREIGN KEY (predecessor_id) REFERENCES public.body(id);

ALTER TABLE ONLY public.capacity_option
    ADD CONSTRAINT capacity_option_line_shift_id_fkey FOREIGN KEY (line, shift_id) REFERENCES public.capacity_shift(line, shift_id);

ALTER TABLE ONLY public.capacity_reservation
    ADD CONSTRAINT capacity_reservation_line_shift_id_fkey FOREIGN KEY (line, shift_id) REFERENCES public.capacity_shift(line, shift_id);

ALTER TABLE ONLY public.disposition_undone
    ADD CONSTRAINT disposition_undone_hold_id_fkey FOREIGN KEY (hold_id) REFERENCES public.hold(id);

ALTER TABLE ONLY public.event_failure
    ADD CONSTRAINT event_failure_event_seq_fkey FOREIGN KEY (event_seq) REFERENCES public.event(seq) ON UPDATE CASCADE;

ALTER TABLE ONLY public.ingest_loss
    ADD CONSTRAINT ingest_loss_agent_id_fkey FOREIGN KEY (agent_id) REFERENCES public.agent(id);

ALTER TABLE ONLY public.ingest_quarantine
    ADD CONSTRAINT ingest_quarantine_agent_id_fkey FOREIGN KEY (agent_id) REFERENCES public.agent(id);

ALTER TABLE ONLY public.ingest_watermark
    ADD CONSTRAINT ingest_watermark_agent_id_fkey FOREIGN KEY (agent_id) REFERENCES public.agent(id);

ALTER TABLE ONLY public.job_command
    ADD CONSTRAINT job_command_job_order_id_fkey FOREIGN KEY (job_order_id) REFERENCES public.job_order(id);

ALTER TABLE ONLY public.line_command
    ADD CONSTRAINT line_command_rehearsal_id_fkey FOREIGN KEY (rehearsal_id) REFERENCES public.line_command(id);

ALTER TABLE ONLY public.line_job
    ADD CONSTRAINT line_job_body_id_fkey FOREIGN KEY (body_id) REFERENCES public.body(id);

ALTER TABLE ONLY public.nonconformance_item
    ADD CONSTRAINT nonconformance_item_hold_id_fkey FOREIGN KEY (hold_id) REFERENCES public.hold(id);

ALTER TABLE ONLY public.nonconformance_item
    ADD CONSTRAINT nonconformance_item_nonconformance_id_fkey FOREIGN KEY (nonconformance_id) REFERENCES public.nonconformance(id);

ALTER TABLE ONLY public.operation
    ADD CONSTRAINT operation_body_id_fkey FOREIGN KEY (body_id) REFERENCES public.body(id);

ALTER TABLE ONLY public.operator_report
    ADD CONSTRAINT operator_report_body_id_fkey FOREIGN KEY (body_id) REFERENCES public.body(id);

ALTER TABLE ONLY public.order_body
    ADD CONSTRAINT order_body_order_id_fkey FOREIGN KEY (order_id) REFERENCES public.customer_order(id);

ALTER TABLE ONLY public.order_body
    ADD CONSTRAINT order_body_predecessor_id_fkey FOREIGN KEY (predecessor_id) REFERENCES public.order_body(body_id);

ALTER TABLE ONLY public.order_bom
    ADD CONSTRAINT order_bom_order_id_fkey FOREIGN KEY (order_id) REFERENCES public.customer_order(id);

ALTER TABLE ONLY public.order_promise
    ADD CONSTRAINT order_promise_order_id_fkey FOREIGN KEY (order_id) REFERENCES public.customer_order(id);

ALTER TABLE ONLY public.order_routing
    ADD CONSTRAINT order_routing_order_id_fkey FOREIGN KEY (order_id) REFERENCES public.customer_order(id);

ALTER TABLE ONLY public.plan
    ADD CONSTRAINT plan_base_id_fkey FOREIGN KEY (base_id) REFERENCES public.plan(id);

ALTER TABLE ONLY public.plan_branch
    ADD CONSTRAINT plan_branch_base_id_fkey FOREIGN KEY (base_id) REFERENCES public.plan(id);

ALTER TABLE ONLY public.plan_branch
    ADD CONSTRAINT plan_branch_plan_id_fkey FOREIGN KEY (plan_id) REFERENCES public.plan(id);

ALTER TABLE ONLY public.plan_branch
    ADD CONSTRAINT plan_branch_snapshot_fkey FOREIGN KEY (snapshot) REFERENCES public.plan_snapshot(hash);

ALTER TABLE ONLY public.plan_change
    ADD CONSTRAINT plan_change_branch_id_fkey FOREIGN KEY (branch_id) REFERENCES public.plan_branch(id);

ALTER TABLE ONLY public.plan_lock
    ADD CONSTRAINT plan_lock_order_id_fkey FOREIGN KEY (order_id) REFERENCES public.customer_order(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.plan_proposal
    ADD CONSTRAINT plan_proposal_base_id_fkey FOREIGN KEY (base_id) REFERENCES public.plan(id);

ALTER TABLE ONLY public.plan_proposal
    ADD CONSTRAINT plan_proposal_plan_id_fkey FOREIGN KEY (plan_id) REFERENCES public.plan(id);

ALTER TABLE ONLY public.planning_delay
    ADD CONSTRAINT planning_delay_base_plan_id_fkey FOREIGN KEY (base_plan_id) REFERENCES public.plan(id);

ALTER TABLE ONLY public.plant_line
    ADD CONSTRAINT plant_line_gives_to_fkey FOREIGN KEY (gives_to) REFERENCES public.plant_store(id);

ALTER TABLE ONLY public.plant_line
    ADD CONSTRAINT plant_line_shop_fkey FOREIGN KEY (shop) REFERENCES public.plant_shop(id);

ALTER TABLE ONLY public.plant_line
    ADD CONSTRAINT plant_line_takes_from_fkey FOREIGN KEY (takes_from) REFERENCES public.plant_store(id);

ALTER TABLE ONLY public.plant_station
    ADD CONSTRAINT plant_station_line_fkey FOREIGN KEY (line) REFERENCES public.plant_line(id);

ALTER TABLE ONLY public.promise_move
    ADD CONSTRAINT promise_move_hold_id_fkey FOREIGN KEY (hold_id) REFERENCES public.planning_delay(hold_id);

ALTER TABLE ONLY public.rework
    ADD CONSTRAINT rework_hold_id_fkey FOREIGN KEY (hold_id) REFERENCES public.hold(id);

ALTER TABLE ONLY public.second_look
    ADD CONSTRAINT second_look_inspection_id_fkey FOREIGN KEY (inspection_id) REFERENCES public.inspection(id);

ALTER TABLE ONLY public.user_session
    ADD CONSTRAINT user_session_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.app_user(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.vision_pipeline_picture
    ADD CONSTRAINT vision_pipeline_picture_pipeline_id_fkey FOREIGN KEY (pipeline_id) REFERENCES public.vision_pipeline(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.vision_pipeline_version
    ADD CONSTRAINT vision_pipeline_version_pipeline_id_fkey FOREIGN KEY (pipeline_id) REFERENCES public.vision_pipeline(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.vision_publication
    ADD CONSTRAINT vision_publication_followed_fkey FOREIGN KEY (followed) REFERENCES public.vision_publication(id);

ALTER TABLE ONLY public.vision_publication
    ADD CONSTRAINT vision_publication_pipeline_id_number_fkey FOREIGN KEY (pipeline_id, number) REFERENCES public.vision_pipeline_version(pipeline_id, number);

ALTER TABLE ONLY public.vision_rollout
    ADD CONSTRAINT vision_rollout_followed_fkey FOREIGN KEY (followed) REFERENCES public.vision_rollout(id);

ALTER TABLE ONLY public.vision_rollout
    ADD CONSTRAINT vision_rollout_package_sha256_fkey FOREIGN KEY (package_sha256) REFERENCES public.vision_model(package_sha256);

ALTER TABLE ONLY public.vision_training_picture
    ADD CONSTRAINT vision_training_picture_training_id_fkey FOREIGN KEY (training_id) REFERENCES public.vision_training(id) ON DELETE CASCADE;
