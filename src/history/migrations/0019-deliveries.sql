-- Messages about an incident that a channel has not accepted yet. The event at `place` holds the message. The reconciler sends each message
-- again, whether the incident is open or closed. When the channel accepts it, or after an hour, the row is deleted and an event records the
-- result.
CREATE TABLE runbook.deliveries (
  incident text NOT NULL REFERENCES runbook.incidents (id),
  place    text NOT NULL,
  channel  text NOT NULL,
  since    timestamptz NOT NULL DEFAULT clock_timestamp(),        -- the first attempt
  attempts integer NOT NULL DEFAULT 1,
  next_at  timestamptz NOT NULL,
  PRIMARY KEY (incident, place, channel)
);
CREATE INDEX deliveries_next ON runbook.deliveries (next_at);
GRANT SELECT ON runbook.deliveries TO runbook_application, runbook_reader;
GRANT INSERT, DELETE ON runbook.deliveries TO runbook_application;
GRANT UPDATE (attempts, next_at) ON runbook.deliveries TO runbook_application;
