-- Finds the latest incident of a key, which decides whether the key is quiet.
CREATE INDEX incidents_by_key ON runbook.incidents (key, number DESC);
