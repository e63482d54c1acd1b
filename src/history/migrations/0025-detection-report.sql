-- Indexes for the report of detection: the episodes of a key, and the incidents of a type in a period.
CREATE INDEX episodes_by_key ON runbook.episodes (type, key, first_at);
CREATE INDEX incidents_by_type_and_time ON runbook.incidents (type, opened_at);
