-- The reports of monitoring systems: the latest state of each alert, and the incident to which it belongs. Repetitions are counted, so a
-- storm of deliveries does not fill this table. Rows without an incident are alerts that could not be used; they are deleted after a week.
CREATE TABLE runbook.alerts (
  source      text NOT NULL,
  fingerprint text NOT NULL,
  status      text NOT NULL CHECK (status IN ('firing', 'resolved')),
  incident    text REFERENCES runbook.incidents (id),
  problem     text,                                               -- why there is no incident
  labels      text NOT NULL,                                      -- JSON, by name
  annotations text NOT NULL,                                      -- JSON, by name
  url         text,
  starts_at   timestamptz,                                        -- as the source says
  first_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  last_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  resolved_at timestamptz,
  deliveries  bigint NOT NULL DEFAULT 1,
  delivery    text,                                               -- the id of the last delivery, where the source sends one
  PRIMARY KEY (source, fingerprint)
);
CREATE INDEX alerts_by_incident ON runbook.alerts (incident, first_at);
CREATE INDEX alerts_unmatched ON runbook.alerts (last_at) WHERE incident IS NULL;
GRANT SELECT ON runbook.alerts TO runbook_application, runbook_reader;
GRANT INSERT, UPDATE, DELETE ON runbook.alerts TO runbook_application;

-- Receives one firing alert in one statement: counts it, joins an incident or opens one. The seed of the first lock is LOCK_SEEDS.alert in
-- src/history/advisory-locks.ts; the seed of the second lock is in accept_incident.
CREATE FUNCTION runbook.accept_alert(p_source text, p_fingerprint text, p_labels text, p_annotations text, p_url text, p_starts_at timestamptz,
  p_delivery text, p_type text, p_runbook text, p_plan_digest text, p_key text, p_inputs text, p_requester text, p_opened text,
  p_event text, p_events integer, p_quiet interval)
RETURNS TABLE (result text, incident text, occurrences integer, workflow_id text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_alert runbook.alerts;
  v_created boolean;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(p_source || '/' || p_fingerprint, 4));
  SELECT * INTO v_alert FROM runbook.alerts a WHERE a.source = p_source AND a.fingerprint = p_fingerprint;

  -- This is a repetition of the same delivery, or a delivery that arrived after the end of the alert, because another instance of the
  -- source sent it.
  IF v_alert.delivery = p_delivery OR (v_alert.status = 'resolved' AND v_alert.starts_at = p_starts_at) THEN
    result := CASE WHEN v_alert.status = 'resolved' THEN 'late' ELSE 'repeated' END;
    incident := v_alert.incident;
    SELECT i.occurrences INTO occurrences FROM runbook.incidents i WHERE i.id = v_alert.incident;
    UPDATE runbook.alerts a SET last_at = clock_timestamp(), deliveries = a.deliveries + (v_alert.delivery IS DISTINCT FROM p_delivery)::integer
      WHERE a.source = p_source AND a.fingerprint = p_fingerprint;
    RETURN NEXT; RETURN;
  END IF;

  -- The incident of the alert is open, or the alert has fired without a pause since before its incident closed.
  IF v_alert.incident IS NOT NULL THEN
    UPDATE runbook.incidents i SET occurrences = i.occurrences + 1
      WHERE i.id = v_alert.incident AND i.type = p_type AND i.key = p_key AND (i.closed_at IS NULL
        OR (v_alert.status = 'firing' AND v_alert.starts_at = p_starts_at AND i.closed_at > clock_timestamp() - p_quiet))
      RETURNING CASE WHEN i.closed_at IS NULL THEN 'repeated' ELSE 'quiet' END, i.id, i.occurrences INTO result, incident, occurrences;
  END IF;
  IF incident IS NULL THEN
    PERFORM pg_advisory_xact_lock(hashtextextended(p_key, 2));
    UPDATE runbook.incidents i SET occurrences = i.occurrences + 1
      WHERE i.number = (SELECT max(n.number) FROM runbook.incidents n WHERE n.key = p_key AND n.type = p_type)
        AND i.closed_at > clock_timestamp() - p_quiet AND i.outcome NOT IN ('resolved', 'cleared')
      RETURNING 'quiet', i.id, i.occurrences INTO result, incident, occurrences;
  END IF;
  IF incident IS NULL THEN
    SELECT a.incident, a.created, a.occurrences, a.workflow_id INTO incident, v_created, occurrences, workflow_id
      FROM runbook.accept_incident(p_type, p_runbook, p_plan_digest, p_key, p_inputs, p_requester, NULL, p_opened) a;
    result := CASE WHEN v_created THEN 'opened' ELSE 'joined' END;
    IF NOT v_created THEN workflow_id := NULL; END IF;
    -- Each alert is an event of its incident, except in a storm.
    IF (SELECT count(*) FROM (SELECT FROM runbook.alerts a WHERE a.incident = accept_alert.incident LIMIT p_events) s) < p_events THEN
      PERFORM runbook.append_events(incident, ARRAY[NULL::text], ARRAY[p_event]);
    END IF;
  END IF;

  INSERT INTO runbook.alerts AS a (source, fingerprint, status, incident, labels, annotations, url, starts_at, delivery)
  VALUES (p_source, p_fingerprint, 'firing', incident, p_labels, p_annotations, p_url, p_starts_at, p_delivery)
  ON CONFLICT (source, fingerprint) DO UPDATE SET status = 'firing', incident = excluded.incident, problem = NULL, labels = excluded.labels,
    annotations = excluded.annotations, url = excluded.url, starts_at = excluded.starts_at, last_at = clock_timestamp(), resolved_at = NULL,
    deliveries = a.deliveries + 1, delivery = excluded.delivery;
  RETURN NEXT;
END $$;
REVOKE ALL ON FUNCTION runbook.accept_alert(text, text, text, text, text, timestamptz, text, text, text, text, text, text, text, text, text,
  integer, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runbook.accept_alert(text, text, text, text, text, timestamptz, text, text, text, text, text, text, text, text, text,
  integer, interval) TO runbook_application;
