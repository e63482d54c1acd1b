-- People who are signed in to the pages. A row holds no secret: the browser has the value whose SHA-256 is stored here. A session counts
-- only while the person's token in the configuration has the hash `credential`.
CREATE TABLE runbook.sessions (
  hash       text PRIMARY KEY,
  person     text NOT NULL,
  credential text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL
);
CREATE INDEX sessions_by_person ON runbook.sessions (person);

-- Links that sign a person in once. A link is deleted when it is used.
CREATE TABLE runbook.sign_in_links (
  hash       text PRIMARY KEY,
  person     text NOT NULL,
  credential text NOT NULL,
  expires_at timestamptz NOT NULL
);

GRANT SELECT ON runbook.sessions, runbook.sign_in_links TO runbook_application, runbook_reader;
GRANT INSERT, DELETE ON runbook.sessions, runbook.sign_in_links TO runbook_application;
