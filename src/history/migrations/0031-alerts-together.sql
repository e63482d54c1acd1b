-- Receives several alerts that fire as one statement, so that a storm needs one commit for many of them. All locks of alerts are taken
-- before those of keys, as accept_alert does for one alert, and each kind in one order: two calls cannot wait for each other. The seeds are
-- LOCK_SEEDS.alert and LOCK_SEEDS.incidentKey in src/history/advisory-locks.ts.
CREATE FUNCTION runbook.accept_alerts(p_alerts jsonb, p_events integer)
RETURNS TABLE (index integer, result text, incident text, occurrences integer, workflow_id text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_name text; v record;
BEGIN
  FOR v_name IN SELECT DISTINCT (x.a ->> 'source') || '/' || (x.a ->> 'fingerprint') AS name FROM jsonb_array_elements(p_alerts) AS x(a) ORDER BY name LOOP
    PERFORM pg_advisory_xact_lock(hashtextextended(v_name, 4));
  END LOOP;
  FOR v_name IN SELECT DISTINCT x.a ->> 'key' AS name FROM jsonb_array_elements(p_alerts) AS x(a) ORDER BY name LOOP
    PERFORM pg_advisory_xact_lock(hashtextextended(v_name, 2));
  END LOOP;
  FOR v IN SELECT * FROM jsonb_to_recordset(p_alerts) AS x(index integer, source text, fingerprint text, labels text, annotations text, url text,
      starts_at timestamptz, delivery text, type text, runbook text, plan_digest text, key text, inputs text, requester text, opened text, event text, quiet_ms float8)
    ORDER BY x.key, x.type, x.index LOOP
    RETURN QUERY SELECT v.index, a.* FROM runbook.accept_alert(v.source, v.fingerprint, v.labels, v.annotations, v.url, v.starts_at, v.delivery,
      v.type, v.runbook, v.plan_digest, v.key, v.inputs, v.requester, v.opened, v.event, p_events, v.quiet_ms * interval '1 millisecond') a;
  END LOOP;
END $$;
REVOKE ALL ON FUNCTION runbook.accept_alerts(jsonb, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runbook.accept_alerts(jsonb, integer) TO runbook_application;
