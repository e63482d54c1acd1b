-- The steps of every incident, each as one statement and so as one transaction, because the round trips are the largest part of a step's
-- cost. The functions run with the caller's rights and append events only through append_events.

-- Opens an incident, or joins the incident that is open under the same key.
CREATE FUNCTION runbook.accept_incident(p_type text, p_runbook text, p_plan_digest text, p_key text, p_inputs text, p_requester text,
  p_parent text, p_opened text)
RETURNS TABLE (incident text, created boolean, occurrences integer)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- Of several requests with the same key, the first opens the incident; the others wait here and then join it, so no incident number
  -- is wasted. The seed is LOCK_SEEDS.incidentKey in src/history/advisory-locks.ts.
  PERFORM pg_advisory_xact_lock(hashtextextended(p_key, 2));
  RETURN QUERY UPDATE runbook.incidents AS i SET occurrences = i.occurrences + 1 WHERE i.key = p_key AND i.closed_at IS NULL
    RETURNING i.id, false, i.occurrences;
  IF FOUND THEN RETURN; END IF;
  INSERT INTO runbook.incidents AS i (type, runbook, plan_digest, key, inputs, requester, parent)
  VALUES (p_type, p_runbook, p_plan_digest, p_key, p_inputs, p_requester, p_parent)
  RETURNING i.id, true, i.occurrences INTO incident, created, occurrences;
  PERFORM runbook.append_events(incident, ARRAY['opened'], ARRAY[p_opened]);
  RETURN NEXT;
END $$;

-- Stores evidence together with its events; a place that was already written keeps its evidence. Returns the same as append_events.
CREATE FUNCTION runbook.record_evidence(p_incident text, p_places text[], p_bodies text[], p_evidence jsonb, p_state text)
RETURNS TABLE (body text, at text, fresh boolean)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY SELECT e.body, e.at, e.fresh FROM runbook.append_events(p_incident, p_places, p_bodies) e;
  INSERT INTO runbook.evidence (incident, place, name, kind, status, parameters, body, ref, truncated, started_at, duration_ms)
  SELECT p_incident, e.place, e.name, e.kind, e.status, e.parameters, e.body, e.ref, e.truncated, e.started_at, e.duration_ms
  FROM jsonb_to_recordset(p_evidence) AS e (place text, name text, kind text, status text, parameters text, body text, ref text,
    truncated boolean, started_at timestamptz, duration_ms integer)
  ON CONFLICT DO NOTHING;
  UPDATE runbook.incidents SET state = p_state WHERE id = p_incident AND state NOT IN ('closed', p_state);
END $$;

-- Closes an incident that never had a proposal. Returns its outcome, even if it was already closed. Returns no row, and changes nothing, if
-- the incident may have gates.
CREATE FUNCTION runbook.close_without_gates(p_incident text, p_places text[], p_bodies text[], p_outcome text, p_reason text)
RETURNS TABLE (outcome text, reason text, fresh boolean)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_state text;
BEGIN
  SELECT i.outcome, i.reason, i.state INTO outcome, reason, v_state FROM runbook.incidents i WHERE i.id = p_incident FOR UPDATE;
  IF NOT FOUND THEN RAISE EXCEPTION 'there is no incident %', p_incident USING ERRCODE = 'no_data_found'; END IF;
  IF outcome IS NULL THEN
    -- The state was read while the row was locked, so it shows a gate that was opened while this statement waited.
    IF v_state NOT IN ('open', 'diagnosing') OR EXISTS (SELECT FROM runbook.gates g WHERE g.incident = p_incident) THEN RETURN; END IF;
    PERFORM runbook.append_events(p_incident, p_places, p_bodies);
    UPDATE runbook.incidents SET state = 'closed', outcome = p_outcome, reason = p_reason, closed_at = clock_timestamp(),
      started_at = coalesce(started_at, clock_timestamp()) WHERE id = p_incident;
    outcome := p_outcome; reason := p_reason; fresh := true;
  ELSE
    fresh := false;
  END IF;
  RETURN NEXT;
END $$;

REVOKE ALL ON FUNCTION runbook.accept_incident(text, text, text, text, text, text, text, text),
  runbook.record_evidence(text, text[], text[], jsonb, text),
  runbook.close_without_gates(text, text[], text[], text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runbook.accept_incident(text, text, text, text, text, text, text, text),
  runbook.record_evidence(text, text[], text[], jsonb, text),
  runbook.close_without_gates(text, text[], text[], text, text) TO runbook_application;
