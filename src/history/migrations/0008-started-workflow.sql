-- Which workflow is the incident's. Its id holds the engine's id and a nonce, so that an incident of another engine in the same Temporal
-- namespace, or one with the same number after a restore from a backup, never takes its place; nobody can start it beforehand, because
-- nobody else knows the nonce. `run_id` is the run that the engine started: activities work for that run alone.
-- Incidents from before this migration have no nonce: their workflow's id is the incident's.
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
  RAISE EXCEPTION 'the workflow of % was started before', OLD.id USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER run_once BEFORE UPDATE ON runbook.incidents FOR EACH ROW
  WHEN (OLD.run_id IS NOT NULL AND NEW.run_id IS DISTINCT FROM OLD.run_id) EXECUTE FUNCTION runbook.refuse_other_run();

-- As before, and says which workflow is to be started, so that its acceptance and its start need no further question.
DROP FUNCTION runbook.accept_incident(text, text, text, text, text, text, text, text);
CREATE FUNCTION runbook.accept_incident(p_type text, p_runbook text, p_plan_digest text, p_key text, p_inputs text, p_requester text,
  p_parent text, p_opened text)
RETURNS TABLE (incident text, created boolean, occurrences integer, workflow_id text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- Requests with one key at once: the first opens, the others wait here and join, so that no number is used up.
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
