-- The engine's history. Each incident has one chain of events; the other tables hold what the events refer to. The owner runs this file.
-- The application may append; it may not change or remove what was recorded.

CREATE TABLE runbook.plans (
  digest      text PRIMARY KEY CHECK (digest ~ '^[0-9a-f]{64}$'),
  runbook     text NOT NULL,
  plan        text NOT NULL,               -- canonical JSON, whose SHA-256 is the digest
  source      text NOT NULL,               -- the YAML it was compiled from
  stored_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE runbook.incidents (
  number          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id              text GENERATED ALWAYS AS ('INC-' || number::text) STORED UNIQUE,
  type            text NOT NULL,
  runbook         text NOT NULL,
  plan_digest     text NOT NULL REFERENCES runbook.plans (digest),
  key             text NOT NULL,
  inputs          text NOT NULL,           -- canonical JSON
  state           text NOT NULL DEFAULT 'open'
                  CHECK (state IN ('open', 'diagnosing', 'deciding', 'applying', 'verifying', 'closed')),
  outcome         text CHECK (outcome IN ('resolved', 'cleared', 'no-action', 'declined', 'expired', 'escalated',
                                          'handed-off', 'failed', 'cancelled')),
  reason          text,
  requester       text NOT NULL,           -- who or what opened it: a person's name, `alert:…`, `detect:…`
  parent          text REFERENCES runbook.incidents (id),
  occurrences     integer NOT NULL DEFAULT 1,
  opened_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  started_at      timestamptz,             -- null: the workflow has not been started yet (these rows are the outbox)
  acknowledged_at timestamptz,
  acknowledged_by text,
  claimed_by      text,
  cancelled_at    timestamptz,             -- the mark; the workflow ends it
  cancelled_by    text,
  closed_at       timestamptz,
  head_seq        bigint NOT NULL DEFAULT 0,
  head_hash       text NOT NULL DEFAULT '',
  CHECK ((state = 'closed') = (closed_at IS NOT NULL AND outcome IS NOT NULL))
);
CREATE UNIQUE INDEX incidents_one_open_per_key ON runbook.incidents (key) WHERE closed_at IS NULL;
CREATE INDEX incidents_to_start ON runbook.incidents (opened_at) WHERE started_at IS NULL AND closed_at IS NULL;
CREATE INDEX incidents_by_type ON runbook.incidents (type, number DESC);

-- An HTTP client's Idempotency-Key. A repeated request returns the same incident, even after it has closed.
CREATE TABLE runbook.requests (
  idempotency_key text PRIMARY KEY,
  fingerprint     text NOT NULL,
  incident        text NOT NULL REFERENCES runbook.incidents (id),
  at              timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE runbook.events (
  incident  text NOT NULL REFERENCES runbook.incidents (id),
  seq       bigint NOT NULL,
  at        text NOT NULL,                 -- ISO 8601, UTC, microseconds: text, because it is hashed
  place     text,
  body      text NOT NULL,                 -- canonical JSON: actor, kind, place, data
  prev      text NOT NULL,
  hash      text NOT NULL,
  PRIMARY KEY (incident, seq)
);
CREATE UNIQUE INDEX events_once_per_place ON runbook.events (incident, place) WHERE place IS NOT NULL;

CREATE TABLE runbook.evidence (
  incident    text NOT NULL REFERENCES runbook.incidents (id),
  place       text NOT NULL,
  name        text NOT NULL,
  kind        text NOT NULL,
  status      text NOT NULL CHECK (status IN ('ok', 'failed', 'timeout')),
  parameters  text NOT NULL,               -- canonical JSON of the check's parameters
  body        text NOT NULL,               -- canonical JSON of the result after redaction, or the error
  ref         text NOT NULL CHECK (ref ~ '^[0-9a-f]{64}$'),
  truncated   boolean NOT NULL,
  started_at  timestamptz NOT NULL,
  duration_ms integer NOT NULL,
  PRIMARY KEY (incident, place)
);
CREATE INDEX evidence_by_ref ON runbook.evidence (ref);

CREATE TABLE runbook.gates (
  id                text PRIMARY KEY,      -- INC-142.r1
  incident          text NOT NULL REFERENCES runbook.incidents (id),
  round             integer NOT NULL,
  remedy            text NOT NULL,
  proposal          text NOT NULL,         -- canonical JSON, whose SHA-256 is the digest
  proposal_digest   text NOT NULL CHECK (proposal_digest ~ '^[0-9a-f]{64}$'),
  state             text NOT NULL DEFAULT 'open'
                    CHECK (state IN ('open', 'approved', 'rejected', 'expired', 'voided', 'withdrawn', 'lapsed', 'cancelled')),
  auto              boolean NOT NULL DEFAULT false,
  required          integer NOT NULL CHECK (required >= 0),
  groups            text[] NOT NULL,
  exclude_requester boolean NOT NULL,
  on_timeout        text NOT NULL CHECK (on_timeout IN ('escalate', 'reject')),
  escalate_to       text[] NOT NULL,
  within_ms         bigint NOT NULL,
  valid_for_ms      bigint NOT NULL,
  opened_at         timestamptz NOT NULL,
  expires_at        timestamptz NOT NULL,
  escalated_at      timestamptz,           -- unanswered once, open for `escalate_to` for another `within`
  decided_at        timestamptz,
  approved_targets  text[],
  next_cause        boolean NOT NULL DEFAULT false,
  why               text,
  UNIQUE (incident, round)
);
CREATE INDEX gates_open ON runbook.gates (incident) WHERE state = 'open';

CREATE TABLE runbook.decisions (
  jti             text PRIMARY KEY,        -- single use
  gate            text NOT NULL REFERENCES runbook.gates (id),
  person          text NOT NULL,
  decision        text NOT NULL CHECK (decision IN ('approve', 'reject')),
  proposal_digest text NOT NULL,
  targets         text[],                  -- null: all
  next_cause      boolean NOT NULL DEFAULT false,
  comment         text,
  token           text NOT NULL,           -- the signed claims (EdDSA JWS)
  at              timestamptz NOT NULL DEFAULT clock_timestamp(),
  withdrawn_at    timestamptz
);
CREATE UNIQUE INDEX decisions_one_live_per_person ON runbook.decisions (gate, person) WHERE withdrawn_at IS NULL;

-- The leases, by name (`run/42`). The fence of a lease only rises.
CREATE TABLE runbook.leases (
  name   text PRIMARY KEY,
  holder text NOT NULL,                    -- the gate
  fence  bigint NOT NULL,
  until  timestamptz NOT NULL
);

CREATE TABLE runbook.permits (
  gate       text NOT NULL REFERENCES runbook.gates (id),
  target     text NOT NULL,
  remedy     text NOT NULL,                -- limits are counted per remedy, and per remedy and target
  lease      text NOT NULL,
  fence      bigint NOT NULL,
  issued_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  renewed_at timestamptz,
  PRIMARY KEY (gate, target)
);
CREATE INDEX permits_by_remedy ON runbook.permits (remedy, issued_at);

CREATE TABLE runbook.effects (
  gate      text NOT NULL REFERENCES runbook.gates (id),
  action    text NOT NULL,
  target    text NOT NULL,
  result    text NOT NULL CHECK (result IN ('applied', 'skipped', 'refused', 'unknown')),
  detail    text NOT NULL,
  observed  text,                          -- canonical JSON
  at        timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (gate, action, target)
);

-- Written before an action without a fence starts. It shows that the action may have been applied if no outcome was recorded.
CREATE TABLE runbook.intents (
  gate   text NOT NULL REFERENCES runbook.gates (id),
  action text NOT NULL,
  target text NOT NULL,
  at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (gate, action, target)
);

CREATE TABLE runbook.notes (
  number   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  incident text NOT NULL REFERENCES runbook.incidents (id),
  person   text NOT NULL,
  body     text NOT NULL,
  at       timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The controls: `freeze` and `breaker/<connection>`. A control is on while its row exists.
CREATE TABLE runbook.controls (
  name   text PRIMARY KEY,
  person text NOT NULL,
  reason text NOT NULL,
  at     timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Appends events to an incident's chain, while the incident's row is locked. A place that was already written keeps its first event.
-- Returns the stored events in the given order, and whether each event is new.
CREATE FUNCTION runbook.append_events(p_incident text, p_places text[], p_bodies text[])
RETURNS TABLE (body text, at text, fresh boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_seq bigint; v_hash text; v_at text; v_next text; v_stored record;
BEGIN
  SELECT head_seq, head_hash INTO v_seq, v_hash FROM runbook.incidents WHERE id = p_incident FOR UPDATE;
  IF NOT FOUND THEN RAISE EXCEPTION 'there is no incident %', p_incident USING ERRCODE = 'no_data_found'; END IF;
  FOR i IN 1 .. coalesce(array_length(p_bodies, 1), 0) LOOP
    SELECT e.body, e.at INTO v_stored FROM runbook.events e WHERE e.incident = p_incident AND e.place = p_places[i];
    IF NOT FOUND THEN
      v_seq := v_seq + 1;
      v_at := to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
      v_next := encode(sha256(convert_to(concat_ws(E'\n', v_hash, p_incident, v_seq::text, v_at, p_bodies[i]), 'UTF8')), 'hex');
      INSERT INTO runbook.events (incident, seq, at, place, body, prev, hash)
      VALUES (p_incident, v_seq, v_at, p_places[i], p_bodies[i], v_hash, v_next);
      v_hash := v_next;
      body := p_bodies[i]; at := v_at; fresh := true;
    ELSE
      body := v_stored.body; at := v_stored.at; fresh := false;
    END IF;
    RETURN NEXT;
  END LOOP;
  UPDATE runbook.incidents SET head_seq = v_seq, head_hash = v_hash WHERE id = p_incident AND head_seq <> v_seq;
END $$;

CREATE FUNCTION runbook.refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON runbook.events FOR EACH ROW EXECUTE FUNCTION runbook.refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON runbook.events FOR EACH STATEMENT EXECUTE FUNCTION runbook.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON runbook.evidence FOR EACH ROW EXECUTE FUNCTION runbook.refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON runbook.evidence FOR EACH STATEMENT EXECUTE FUNCTION runbook.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON runbook.plans FOR EACH ROW EXECUTE FUNCTION runbook.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON runbook.notes FOR EACH ROW EXECUTE FUNCTION runbook.refuse_change();
CREATE TRIGGER append_only BEFORE DELETE ON runbook.decisions FOR EACH ROW EXECUTE FUNCTION runbook.refuse_change();
CREATE TRIGGER append_only BEFORE DELETE ON runbook.gates FOR EACH ROW EXECUTE FUNCTION runbook.refuse_change();
CREATE TRIGGER append_only BEFORE DELETE ON runbook.effects FOR EACH ROW EXECUTE FUNCTION runbook.refuse_change();

REVOKE ALL ON FUNCTION runbook.append_events(text, text[], text[]) FROM PUBLIC;
GRANT USAGE ON SCHEMA runbook TO runbook_application, runbook_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA runbook TO runbook_application, runbook_reader;
GRANT EXECUTE ON FUNCTION runbook.append_events(text, text[], text[]) TO runbook_application;
GRANT INSERT ON runbook.plans, runbook.incidents, runbook.requests, runbook.evidence, runbook.gates, runbook.decisions,
  runbook.leases, runbook.permits, runbook.effects, runbook.intents, runbook.notes, runbook.controls TO runbook_application;
GRANT UPDATE (state, outcome, reason, occurrences, started_at, acknowledged_at, acknowledged_by, claimed_by, cancelled_at,
  cancelled_by, closed_at) ON runbook.incidents TO runbook_application;
GRANT UPDATE (state, required, groups, expires_at, escalated_at, decided_at, approved_targets, next_cause, why) ON runbook.gates TO runbook_application;
GRANT UPDATE (withdrawn_at) ON runbook.decisions TO runbook_application;
GRANT UPDATE ON runbook.leases TO runbook_application;
GRANT UPDATE (lease, fence, renewed_at) ON runbook.permits TO runbook_application;
GRANT UPDATE (result, detail, observed, at) ON runbook.effects TO runbook_application;
GRANT DELETE, UPDATE ON runbook.controls TO runbook_application;
