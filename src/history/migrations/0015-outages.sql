-- The connections that an open incident waits for because they are down. The begin and the end of a wait are events. After an
-- answer the row is deleted; after giving up it is kept, so that the same stage does not wait for the same connection again.
CREATE TABLE runbook.outages (
  incident   text NOT NULL REFERENCES runbook.incidents (id),
  connection text NOT NULL,
  stage      text NOT NULL,                                       -- such as r1/check; another stage has a wait of its own
  why        text NOT NULL,
  since      timestamptz NOT NULL DEFAULT clock_timestamp(),
  until      timestamptz NOT NULL,                                -- when it gives up
  ended_at   timestamptz,                                         -- when it gave up
  PRIMARY KEY (incident, connection)
);
GRANT SELECT ON runbook.outages TO runbook_application, runbook_reader;
GRANT INSERT, UPDATE, DELETE ON runbook.outages TO runbook_application;
