-- The history of the controls. It is one chain of events, like the chain of an incident, but it belongs to no incident.
CREATE TABLE runbook.control_events (
  seq  bigint PRIMARY KEY,
  at   text NOT NULL,                      -- ISO 8601, UTC, microseconds
  body text NOT NULL,                      -- canonical JSON: control, on, person, reason
  prev text NOT NULL,
  hash text NOT NULL
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON runbook.control_events FOR EACH ROW EXECUTE FUNCTION runbook.refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON runbook.control_events FOR EACH STATEMENT EXECUTE FUNCTION runbook.refuse_change();

-- The only way to switch a control. The control and its event are written together. Returns false, and changes nothing, if the control
-- already has this state.
CREATE FUNCTION runbook.turn_control(p_body text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_said jsonb := p_body::jsonb; v_seq bigint; v_prev text; v_at text;
BEGIN
  -- This is ADVISORY_LOCKS.controls in src/history/advisory-locks.ts. Changes come one after the other, so that the chain has no forks.
  PERFORM pg_advisory_xact_lock(7214455002);
  IF (v_said->>'on')::boolean THEN
    INSERT INTO runbook.controls (name, person, reason) VALUES (v_said->>'control', v_said->>'person', v_said->>'reason')
    ON CONFLICT DO NOTHING;
  ELSE
    DELETE FROM runbook.controls WHERE name = v_said->>'control';
  END IF;
  IF NOT FOUND THEN RETURN false; END IF;
  SELECT seq, hash INTO v_seq, v_prev FROM runbook.control_events ORDER BY seq DESC LIMIT 1;
  v_seq := coalesce(v_seq, 0) + 1;
  v_prev := coalesce(v_prev, '');
  v_at := to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
  INSERT INTO runbook.control_events (seq, at, body, prev, hash) VALUES (v_seq, v_at, p_body, v_prev,
    encode(sha256(convert_to(concat_ws(E'\n', v_prev, 'controls', v_seq::text, v_at, p_body), 'UTF8')), 'hex'));
  RETURN true;
END $$;

-- Whether a remedy helped, for each connection that the remedy wrote to. Several consecutive remedies that did not help open the breaker.
CREATE TABLE runbook.verdicts (
  gate       text NOT NULL REFERENCES runbook.gates (id),
  connection text NOT NULL,
  held       boolean NOT NULL,
  at         timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (gate, connection)
);
CREATE INDEX verdicts_by_connection ON runbook.verdicts (connection, at DESC);

REVOKE ALL ON FUNCTION runbook.turn_control(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runbook.turn_control(text) TO runbook_application;
REVOKE INSERT, UPDATE, DELETE ON runbook.controls FROM runbook_application;
GRANT SELECT ON runbook.control_events, runbook.verdicts TO runbook_application, runbook_reader;
GRANT INSERT ON runbook.verdicts TO runbook_application;
