-- The ledger of effects in a diagnosed database: each effect is recorded in the same transaction as the change itself.
-- Run by the database's owner. The engine's write role may add entries; it may not change or remove them.

CREATE TABLE runbook_ledger.effects (
  key    text PRIMARY KEY,                 -- <engine>/INC-142.r1/0-sql.update/run-7
  digest text NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$'),  -- of the proposal that was approved
  detail text NOT NULL,
  rows   integer NOT NULL,
  role   text NOT NULL DEFAULT current_user,
  at     timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The highest fence of each lease. An attempt with a lower fence has lost the lease in the meantime.
CREATE TABLE runbook_ledger.fences (
  name  text PRIMARY KEY,
  fence bigint NOT NULL
);
