-- Indexes for the queries of every permit with limits and every run of the reconciler, so that these stay fast however long the history is.
CREATE INDEX permits_by_target ON runbook.permits (remedy, target, issued_at);
CREATE INDEX incidents_failed ON runbook.incidents (closed_at) WHERE outcome = 'failed';
