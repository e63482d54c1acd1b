-- A key belongs to a type of incident: two types may have incidents with equal keys open at the same time.
CREATE UNIQUE INDEX incidents_one_open_per_type_and_key ON runbook.incidents (type, key) WHERE closed_at IS NULL;
DROP INDEX runbook.incidents_one_open_per_key;

CREATE OR REPLACE FUNCTION runbook.accept_incident(p_type text, p_runbook text, p_plan_digest text, p_key text, p_inputs text,
  p_requester text, p_parent text, p_opened text)
RETURNS TABLE (incident text, created boolean, occurrences integer, workflow_id text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- Of several requests with one key at the same time, the first opens the incident; the others wait here and join it, so that no incident
  -- number is wasted. The lock depends on the key alone, as in earlier versions that may run at the same time; requests of two types with
  -- the same key only wait for each other for a moment.
  PERFORM pg_advisory_xact_lock(hashtextextended(p_key, 2));
  RETURN QUERY UPDATE runbook.incidents AS i SET occurrences = i.occurrences + 1
    WHERE i.type = p_type AND i.key = p_key AND i.closed_at IS NULL
    RETURNING i.id, false, i.occurrences, runbook.workflow_id(i.id, i.start_nonce);
  IF FOUND THEN RETURN; END IF;
  INSERT INTO runbook.incidents AS i (type, runbook, plan_digest, key, inputs, requester, parent)
  VALUES (p_type, p_runbook, p_plan_digest, p_key, p_inputs, p_requester, p_parent)
  RETURNING i.id, true, i.occurrences, runbook.workflow_id(i.id, i.start_nonce) INTO incident, created, occurrences, workflow_id;
  PERFORM runbook.append_events(incident, ARRAY['opened'], ARRAY[p_opened]);
  RETURN NEXT;
END $$;
