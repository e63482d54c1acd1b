-- Messages that are edited later. `ref` is where the channel has the message; `quiet`: the row only brings the channel's earlier messages
-- about the incident up to date, and is no message of its own.
ALTER TABLE runbook.outbox ADD ref text, ADD quiet boolean NOT NULL DEFAULT false;
GRANT UPDATE (ref) ON runbook.outbox TO runbook_application;
