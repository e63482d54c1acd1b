-- The ledger of effects in a diagnosed database: what the engine applied here, in the same transaction as the change itself.
-- Run by the database's owner. The engine's write role may add to it; it may not change or remove what stands in it.

CREATE TABLE runbook_ledger.effects (
  key    text PRIMARY KEY,                 -- <engine>/INC-142.r1/0-sql.update/run-7
  digest text NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$'),  -- of the proposal that was approved
  detail text NOT NULL,
  rows   integer NOT NULL,
  role   text NOT NULL DEFAULT current_user,
  at     timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The highest fence seen of each lease: whoever comes with a lower one has lost the lease meanwhile.
CREATE TABLE runbook_ledger.fences (
  name  text PRIMARY KEY,
  fence bigint NOT NULL
);
