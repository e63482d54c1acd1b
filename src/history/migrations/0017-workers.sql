-- The workers, with the version of plans that each worker runs, and how often each stood still. A worker updates its row every few seconds.
CREATE TABLE runbook.workers (
  id               text PRIMARY KEY,
  identity         text NOT NULL,                                 -- as Temporal shows it: pid@host
  ir_version       integer NOT NULL,
  started_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  seen_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
  stalls           integer NOT NULL DEFAULT 0,
  max_stall_ms bigint NOT NULL DEFAULT 0,
  last_stall_ms    bigint,
  last_stall_at    timestamptz
);
GRANT SELECT ON runbook.workers TO runbook_application, runbook_reader;
GRANT INSERT, UPDATE, DELETE ON runbook.workers TO runbook_application;
