-- Messages to people. They are derived from the events of incidents, so that no event can be stored without its messages.

-- Events for which no worker has found the channels yet. `place` is the place of the event; all effects of a round have one message,
-- `r<round>/applied`. The table does not reference the incident, because checking the reference would make the worker wait for the
-- incident's lock.
CREATE TABLE runbook.outbox_events (
  incident text NOT NULL,
  place    text NOT NULL,
  next_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  number   bigint GENERATED ALWAYS AS IDENTITY,
  PRIMARY KEY (incident, place)
);
CREATE INDEX outbox_events_next ON runbook.outbox_events (number);
GRANT SELECT ON runbook.outbox_events TO runbook_application, runbook_reader;
GRANT UPDATE (next_at), DELETE ON runbook.outbox_events TO runbook_application;

-- The messages, one for each event and channel. A row is kept after its message was delivered, because it shows which channels know the
-- incident.
CREATE TABLE runbook.outbox (
  incident text NOT NULL,
  place    text NOT NULL,
  channel  text NOT NULL,
  since    timestamptz NOT NULL DEFAULT clock_timestamp(),
  attempts integer NOT NULL DEFAULT 0,
  next_at  timestamptz NOT NULL DEFAULT clock_timestamp(),         -- also the end of an attempt that is being made
  ended_at timestamptz,                                            -- delivered, or given up
  problem  text,                                                   -- why the last attempt failed; null: delivered, or not tried yet
  PRIMARY KEY (incident, place, channel)
);
CREATE INDEX outbox_next ON runbook.outbox (next_at) WHERE ended_at IS NULL;
CREATE INDEX outbox_given_up ON runbook.outbox (ended_at) WHERE ended_at IS NOT NULL AND problem IS NOT NULL;
GRANT SELECT ON runbook.outbox TO runbook_application, runbook_reader;
GRANT INSERT ON runbook.outbox TO runbook_application;
GRANT UPDATE (attempts, next_at, ended_at, problem) ON runbook.outbox TO runbook_application;

-- Places are written by src/core/place.ts. Events at other places, such as the places of checks, cause no message.
CREATE FUNCTION runbook.announce_event() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO runbook.outbox_events (incident, place)
  VALUES (NEW.incident, regexp_replace(NEW.place, '^(r\d+)/effect/.*$', '\1/applied'))
  ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
CREATE TRIGGER announce AFTER INSERT ON runbook.events FOR EACH ROW
  WHEN (NEW.place ~ '^(opened|closed|r\d+/(proposal|(decision|withdrawal|effect)/.+|gate(/.+)?|escalation|broken-glass|verify/verdict))$')
  EXECUTE FUNCTION runbook.announce_event();
