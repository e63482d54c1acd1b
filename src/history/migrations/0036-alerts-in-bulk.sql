-- Receives several alerts that fire, as in 0031-alerts-together.sql, which updated the incident once for each alert. PostgreSQL keeps every
-- version of a row until the transaction ends, so a storm of one incident took longer with each alert.
CREATE TYPE runbook.firing_alert AS (index integer, source text, fingerprint text, labels text, annotations text, url text,
  starts_at timestamptz, delivery text, type text, runbook text, plan_digest text, key text, inputs text, requester text, opened text,
  event text, quiet_ms float8);
GRANT USAGE ON TYPE runbook.firing_alert TO runbook_application;

-- The first of several new alerts of one key opens or joins an incident, or finds its key quiet. The others of this transaction have the
-- same result: until it ends, it holds the lock of the key and of the incident's row. LOCK_SEEDS.alert and LOCK_SEEDS.incidentKey in
-- src/history/advisory-locks.ts are the seeds; all locks of alerts are taken before those of keys, and each kind in one order.
CREATE OR REPLACE FUNCTION runbook.accept_alerts(p_alerts jsonb, p_events integer)
RETURNS TABLE (index integer, result text, incident text, occurrences integer, workflow_id text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_all runbook.firing_alert[]; v_name text; v_group record; v runbook.firing_alert; v_more runbook.firing_alert[]; v_events text[];
BEGIN
  SELECT array_agg(r ORDER BY r.index) INTO v_all FROM jsonb_populate_recordset(NULL::runbook.firing_alert, p_alerts) AS r;
  FOR v_name IN SELECT DISTINCT r.source || '/' || r.fingerprint AS name FROM unnest(v_all) AS r ORDER BY name LOOP
    PERFORM pg_advisory_xact_lock(hashtextextended(v_name, 4));
  END LOOP;
  FOR v_name IN SELECT DISTINCT r.key AS name FROM unnest(v_all) AS r ORDER BY name LOOP
    PERFORM pg_advisory_xact_lock(hashtextextended(v_name, 2));
  END LOOP;
  -- An alert is new if it is not stored yet and occurs once here.
  FOR v_group IN
    SELECT array_agg(x.alert ORDER BY (x.alert).index) FILTER (WHERE NOT x.is_new) AS known_alerts,
      array_agg(x.alert ORDER BY (x.alert).index) FILTER (WHERE x.is_new) AS new_alerts
    FROM (SELECT r AS alert, count(*) OVER (PARTITION BY r.source, r.fingerprint) = 1
        AND NOT EXISTS (SELECT FROM runbook.alerts a WHERE a.source = r.source AND a.fingerprint = r.fingerprint) AS is_new
      FROM unnest(v_all) AS r) AS x
    GROUP BY (x.alert).key, (x.alert).type ORDER BY (x.alert).key, (x.alert).type
  LOOP
    FOREACH v IN ARRAY coalesce(v_group.known_alerts, '{}') || coalesce(v_group.new_alerts[1:1], '{}') LOOP
      SELECT v.index, a.* INTO index, result, incident, occurrences, workflow_id FROM runbook.accept_alert(v.source, v.fingerprint, v.labels,
        v.annotations, v.url, v.starts_at, v.delivery, v.type, v.runbook, v.plan_digest, v.key, v.inputs, v.requester, v.opened, v.event,
        p_events, v.quiet_ms * interval '1 millisecond') a;
      RETURN NEXT;
    END LOOP;
    v_more := v_group.new_alerts[2:];
    CONTINUE WHEN coalesce(cardinality(v_more), 0) = 0;
    UPDATE runbook.incidents i SET occurrences = i.occurrences + cardinality(v_more) WHERE i.id = incident;
    -- Each alert is an event of its incident, except in a storm.
    IF result <> 'quiet' THEN
      SELECT array_agg(r.event ORDER BY r.index) INTO v_events FROM unnest(v_more[: p_events - (SELECT count(*)::integer
        FROM (SELECT FROM runbook.alerts a WHERE a.incident = accept_alerts.incident LIMIT p_events) s)]) AS r;
      PERFORM runbook.append_events(incident, array_fill(NULL::text, ARRAY[coalesce(cardinality(v_events), 0)]), v_events);
    END IF;
    INSERT INTO runbook.alerts (source, fingerprint, status, incident, labels, annotations, url, starts_at, delivery)
      SELECT r.source, r.fingerprint, 'firing', accept_alerts.incident, r.labels, r.annotations, r.url, r.starts_at, r.delivery FROM unnest(v_more) AS r;
    RETURN QUERY SELECT r.index, CASE accept_alerts.result WHEN 'quiet' THEN 'quiet' ELSE 'joined' END, accept_alerts.incident,
      accept_alerts.occurrences + row_number() OVER (ORDER BY r.index)::integer, NULL::text FROM unnest(v_more) AS r;
  END LOOP;
END $$;
