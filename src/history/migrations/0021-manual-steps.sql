-- The manual steps that the engine asked people to do, from when on and until when. A step waits while it has no effect. The first time
-- that the engine asks for the step is an event too.
CREATE TABLE runbook.manual_steps (
  gate   text NOT NULL REFERENCES runbook.gates (id),
  action text NOT NULL,
  target text NOT NULL,
  since  timestamptz NOT NULL,
  until  timestamptz NOT NULL,                                    -- when the remedy stops if nobody has answered
  PRIMARY KEY (gate, action, target)
);
GRANT SELECT ON runbook.manual_steps TO runbook_application, runbook_reader;
GRANT INSERT ON runbook.manual_steps TO runbook_application;
