-- An index to find incidents about whose end nobody was notified, including escalated incidents. It replaces the index of failed incidents.
CREATE INDEX incidents_announced_ends ON runbook.incidents (closed_at) WHERE outcome IN ('failed', 'escalated');
DROP INDEX runbook.incidents_failed;
