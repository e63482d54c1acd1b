-- The incidents that follow another one: retries, handoffs, and those that undo it.
CREATE INDEX incidents_by_parent ON runbook.incidents (parent, number) WHERE parent IS NOT NULL;
