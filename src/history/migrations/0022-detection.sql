-- The runbooks whose symptom the engine samples by itself. Each worker reports what its files say; the files that were loaded last count,
-- so that workers with different files agree. A runbook that no worker has reported for a while is no longer sampled.
CREATE TABLE runbook.detectors (
  runbook    text PRIMARY KEY,
  spec       text NOT NULL,                                       -- JSON: what its schedule in Temporal is made from
  loaded_at  timestamptz NOT NULL,
  seen_at    timestamptz NOT NULL,
  applied    text,                                                -- the spec that the schedule has
  applied_at timestamptz,
  claimed_at timestamptz,                                         -- when a worker took on to change the schedule
  -- The cost and the result of its samples. Workers store them together every few seconds.
  samples    bigint NOT NULL DEFAULT 0,
  unreadable bigint NOT NULL DEFAULT 0,
  last_at    timestamptz,
  last       text,                                                -- JSON: the last sample
  recent_ms  integer[] NOT NULL DEFAULT '{}'                      -- the durations of the last samples
);
GRANT SELECT ON runbook.detectors TO runbook_application, runbook_reader;
GRANT INSERT, UPDATE, DELETE ON runbook.detectors TO runbook_application;

-- The episodes: times during which a symptom was present without a pause, according to the samples. A sample that finds no symptom writes
-- nothing unless it ends an episode.
CREATE TABLE runbook.episodes (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  runbook      text NOT NULL,
  type         text NOT NULL,
  key          text NOT NULL,
  first_at     timestamptz NOT NULL,
  counted_at   timestamptz NOT NULL,                              -- of the last sample that was counted
  last_at      timestamptz NOT NULL,                              -- of the last sample that showed the symptom
  samples      integer NOT NULL DEFAULT 1,                        -- counted samples, one after the other
  confirmed_at timestamptz,                                       -- when there were enough of them
  ended_at     timestamptz,
  state        text NOT NULL DEFAULT 'counting' CHECK (state IN ('counting', 'shadow', 'maintenance', 'opened', 'joined', 'quiet')),
  incident     text REFERENCES runbook.incidents (id),
  alert_at     timestamptz                                        -- when an alert of the same key was first seen firing
);
CREATE UNIQUE INDEX episodes_open ON runbook.episodes (type, key) WHERE ended_at IS NULL;
CREATE INDEX episodes_open_by_runbook ON runbook.episodes (runbook) WHERE ended_at IS NULL;
CREATE INDEX episodes_by_runbook ON runbook.episodes (runbook, first_at DESC);
GRANT SELECT ON runbook.episodes TO runbook_application, runbook_reader;
GRANT INSERT, UPDATE, DELETE ON runbook.episodes TO runbook_application;

-- When a sample showed that the symptom of a closed incident is gone: its key is not quiet any more.
ALTER TABLE runbook.incidents ADD COLUMN symptom_gone_at timestamptz;
-- Since when an incident waits for a sample of its symptom because an alert ended. Null again when the sample has begun.
ALTER TABLE runbook.incidents ADD COLUMN sample_wanted_at timestamptz;
CREATE INDEX incidents_to_sample ON runbook.incidents (sample_wanted_at) WHERE sample_wanted_at IS NOT NULL;
GRANT UPDATE (symptom_gone_at, sample_wanted_at) ON runbook.incidents TO runbook_application;

-- Receives one firing alert, as in 0018-alerts.sql. A key whose symptom is gone is not quiet.
CREATE OR REPLACE FUNCTION runbook.accept_alert(p_source text, p_fingerprint text, p_labels text, p_annotations text, p_url text, p_starts_at timestamptz,
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
        AND i.closed_at > clock_timestamp() - p_quiet AND i.outcome NOT IN ('resolved', 'cleared') AND i.symptom_gone_at IS NULL
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
