-- How often somebody did something to an incident. An action that is repeated too often is refused. Refused decisions are counted here and
-- recorded as events only sometimes, so that nobody can fill a history that is never deleted.
CREATE TABLE runbook.tallies (
  incident text NOT NULL REFERENCES runbook.incidents (id),
  actor    text NOT NULL,
  what     text NOT NULL,
  count    bigint NOT NULL,
  PRIMARY KEY (incident, actor, what)
);
GRANT SELECT, INSERT ON runbook.tallies TO runbook_application;
GRANT UPDATE (count) ON runbook.tallies TO runbook_application;
GRANT SELECT ON runbook.tallies TO runbook_reader;
