-- The gates that wait for a lease, so that leases are given in the order of asking. A waiter that has not asked again for a while is passed
-- over; it keeps its place if it asks again.
CREATE TABLE runbook.lease_waiters (
  name     text NOT NULL,
  holder   text NOT NULL,                                          -- the gate that asked
  since    timestamptz NOT NULL DEFAULT clock_timestamp(),
  asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (name, holder)
);
CREATE INDEX lease_waiters_by_holder ON runbook.lease_waiters (holder text_pattern_ops);
GRANT SELECT ON runbook.lease_waiters TO runbook_application, runbook_reader;
GRANT INSERT (name, holder), UPDATE (asked_at), DELETE ON runbook.lease_waiters TO runbook_application;
