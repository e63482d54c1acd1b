-- Questions that every permit with limits and every round of the reconciler ask, however long the history is.
CREATE INDEX permits_by_target ON runbook.permits (remedy, target, issued_at);
CREATE INDEX incidents_failed ON runbook.incidents (closed_at) WHERE outcome = 'failed';
