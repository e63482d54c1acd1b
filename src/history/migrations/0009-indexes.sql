-- Indexes for the queries of every permit, closing, review and list. Without them, each query reads a whole table of a history that is
-- never deleted.
CREATE INDEX decisions_by_gate ON runbook.decisions (gate, at);
CREATE INDEX leases_by_holder ON runbook.leases (holder text_pattern_ops);
CREATE INDEX notes_by_incident ON runbook.notes (incident, number);
CREATE INDEX incidents_open ON runbook.incidents (number DESC) WHERE closed_at IS NULL;
