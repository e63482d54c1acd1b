-- For the search for incidents whose end nobody was notified of: escalated ones too. It replaces the index of those that failed.
CREATE INDEX incidents_announced_ends ON runbook.incidents (closed_at) WHERE outcome IN ('failed', 'escalated');
DROP INDEX runbook.incidents_failed;
