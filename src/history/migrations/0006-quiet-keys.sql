-- The latest incident of a key, for whether the key is to stay quiet.
CREATE INDEX incidents_by_key ON runbook.incidents (key, number DESC);
