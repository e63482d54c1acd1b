-- Identifies the workflow of an incident. Its id contains the engine's id and a random part (nonce). Without them, an incident of another
-- engine in the same Temporal namespace, or an incident with the same number after a restore from a backup, could take its place; and
-- nobody can start the workflow in advance without knowing the nonce. `run_id` is the run that the engine started: activities work only for
-- that run. Incidents from before this migration have no nonce, and their workflow's id is the incident's id.
ALTER TABLE runbook.incidents ADD start_nonce uuid, ADD run_id text;
ALTER TABLE runbook.incidents ALTER start_nonce SET DEFAULT gen_random_uuid();
GRANT UPDATE (run_id) ON runbook.incidents TO runbook_application;

CREATE FUNCTION runbook.workflow_id(p_incident text, p_nonce uuid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN p_nonce IS NULL THEN p_incident
    ELSE p_incident || '/' || left((SELECT e.id::text FROM runbook.engine e), 8) || '/' || left(replace(p_nonce::text, '-', ''), 16) END
$$;
REVOKE ALL ON FUNCTION runbook.workflow_id(text, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runbook.workflow_id(text, uuid) TO runbook_application, runbook_reader;

CREATE FUNCTION runbook.refuse_other_run() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'the workflow of % was already started', OLD.id USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER run_once BEFORE UPDATE ON runbook.incidents FOR EACH ROW
  WHEN (OLD.run_id IS NOT NULL AND NEW.run_id IS DISTINCT FROM OLD.run_id) EXECUTE FUNCTION runbook.refuse_other_run();

-- Does the same as before, and also returns which workflow must be started, so that accepting and starting an incident need no further
-- query.
DROP FUNCTION runbook.accept_incident(text, text, text, text, text, text, text, text);
CREATE FUNCTION runbook.accept_incident(p_type text, p_runbook text, p_plan_digest text, p_key text, p_inputs text, p_requester text,
  p_parent text, p_opened text)
RETURNS TABLE (incident text, created boolean, occurrences integer, workflow_id text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- Of several requests with one key at the same time, the first opens the incident; the others wait here and join it, so that no incident
  -- number is wasted.
  PERFORM pg_advisory_xact_lock(hashtextextended(p_key, 2));
  RETURN QUERY UPDATE runbook.incidents AS i SET occurrences = i.occurrences + 1 WHERE i.key = p_key AND i.closed_at IS NULL
    RETURNING i.id, false, i.occurrences, runbook.workflow_id(i.id, i.start_nonce);
  IF FOUND THEN RETURN; END IF;
  INSERT INTO runbook.incidents AS i (type, runbook, plan_digest, key, inputs, requester, parent)
  VALUES (p_type, p_runbook, p_plan_digest, p_key, p_inputs, p_requester, p_parent)
  RETURNING i.id, true, i.occurrences, runbook.workflow_id(i.id, i.start_nonce) INTO incident, created, occurrences, workflow_id;
  PERFORM runbook.append_events(incident, ARRAY['opened'], ARRAY[p_opened]);
  RETURN NEXT;
END $$;
REVOKE ALL ON FUNCTION runbook.accept_incident(text, text, text, text, text, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runbook.accept_incident(text, text, text, text, text, text, text, text) TO runbook_application;
