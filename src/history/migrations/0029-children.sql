-- The incidents that follow another one: retries, undos and handoffs.
CREATE INDEX incidents_by_parent ON runbook.incidents (parent, number) WHERE parent IS NOT NULL;
