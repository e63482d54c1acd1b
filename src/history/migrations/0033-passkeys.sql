-- Passkeys with which people approve. A row is never deleted, so that earlier decisions can be verified; one that was removed approves
-- nothing. `signature` is the engine's signature over id, person, public key and origin: a row that somebody else inserts counts for
-- nothing.
CREATE TABLE runbook.passkeys (
  id           text PRIMARY KEY,
  person       text NOT NULL,
  public_key   text NOT NULL,
  origin       text NOT NULL,
  signature    text NOT NULL,
  transports   text[] NOT NULL,
  label        text NOT NULL,
  sign_count   bigint NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  last_used_at timestamptz,
  removed_at   timestamptz
);
CREATE INDEX passkeys_by_person ON runbook.passkeys (person);

GRANT SELECT ON runbook.passkeys TO runbook_application, runbook_reader;
GRANT INSERT, UPDATE (signature, sign_count, last_used_at, removed_at) ON runbook.passkeys TO runbook_application;
