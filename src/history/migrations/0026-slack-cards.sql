-- Messages that are updated later. `ref` is the position of the message in the channel. A row with `quiet` is not a message: it only causes
-- the channel's earlier messages about the incident to be updated.
ALTER TABLE runbook.outbox ADD ref text, ADD quiet boolean NOT NULL DEFAULT false;
GRANT UPDATE (ref) ON runbook.outbox TO runbook_application;
