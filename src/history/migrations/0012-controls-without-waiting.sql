-- A control is on for every later permit as soon as its row is committed; a process that holds the permits' lock cannot prevent this.
-- `freeze` waits for the permits that were being granted at the same time, in a separate transaction (src/engine/freeze.ts). Changes come
-- one after the other, so that the chain of events has no forks. For this the function locks the table, which a role that only has SELECT
-- cannot do. An automatic vacuum would hold a conflicting lock, but this table stays small.
ALTER TABLE runbook.control_events SET (autovacuum_enabled = false);

-- The only way to switch a control. The control and its event are written together. Returns false, and changes nothing, if the control
-- already has this state.
CREATE FUNCTION runbook.switch_control(p_body text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_said jsonb := p_body::jsonb; v_seq bigint; v_prev text; v_at text;
BEGIN
  LOCK TABLE runbook.control_events IN SHARE ROW EXCLUSIVE MODE;
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

-- For processes of the previous version, which wait for the permits in the same transaction: ADVISORY_LOCKS.controls.
CREATE OR REPLACE FUNCTION runbook.turn_control(p_body text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(7214455002);
  RETURN runbook.switch_control(p_body);
END $$;

REVOKE ALL ON FUNCTION runbook.switch_control(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runbook.switch_control(text) TO runbook_application;
