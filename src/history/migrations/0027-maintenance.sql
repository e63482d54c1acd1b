-- Maintenance windows, in which alerts and detection open no incidents. Nothing is deleted: the rows say who started and ended each window,
-- and why.
CREATE TABLE runbook.maintenance (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  runbook    text,                                                -- covers one runbook
  connection text,                                                -- covers the runbooks that use it; both null: everything
  reason     text NOT NULL,
  person     text NOT NULL,
  starts_at  timestamptz NOT NULL,
  ends_at    timestamptz NOT NULL,
  ended_by   text,
  ended_at   timestamptz,                                         -- ended early
  CHECK (runbook IS NULL OR connection IS NULL)
);
GRANT SELECT ON runbook.maintenance TO runbook_application, runbook_reader;
GRANT INSERT, UPDATE (ended_by, ended_at) ON runbook.maintenance TO runbook_application;

-- What an alert that is held back by maintenance asks for: JSON with type and inputs. Its incident is opened when the maintenance has
-- ended.
ALTER TABLE runbook.alerts ADD COLUMN held text;
CREATE INDEX alerts_held ON runbook.alerts (first_at) WHERE held IS NOT NULL AND incident IS NULL AND status = 'firing';
