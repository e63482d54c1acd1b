-- Follow-ups: things that remain to be done after an incident, each with an owner. Adding and closing a follow-up are events of the
-- incident too.
CREATE TABLE runbook.follow_ups (
  incident  text NOT NULL REFERENCES runbook.incidents (id),
  number    integer NOT NULL,                                     -- counted within the incident, from 1 on
  body      text NOT NULL,
  owner     text NOT NULL,                                        -- a person or a group
  due       date,
  person    text NOT NULL,                                        -- who added it
  at        timestamptz NOT NULL DEFAULT clock_timestamp(),
  closed_by text,
  closed_at timestamptz,
  result    text,                                                 -- what was done
  PRIMARY KEY (incident, number)
);
CREATE INDEX follow_ups_open ON runbook.follow_ups (due, incident, number) WHERE closed_at IS NULL;
GRANT SELECT ON runbook.follow_ups TO runbook_application, runbook_reader;
GRANT INSERT, UPDATE (closed_by, closed_at, result) ON runbook.follow_ups TO runbook_application;

-- Whether the runbook helped, in the opinion of one person. The last answer of each person counts; the earlier ones are kept.
CREATE TABLE runbook.feedback (
  number   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  incident text NOT NULL REFERENCES runbook.incidents (id),
  person   text NOT NULL,
  helped   text NOT NULL CHECK (helped IN ('yes', 'partly', 'no')),
  comment  text,
  at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX feedback_by_incident ON runbook.feedback (incident, number);
GRANT SELECT ON runbook.feedback TO runbook_application, runbook_reader;
GRANT INSERT ON runbook.feedback TO runbook_application;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON runbook.feedback FOR EACH ROW EXECUTE FUNCTION runbook.refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON runbook.feedback FOR EACH STATEMENT EXECUTE FUNCTION runbook.refuse_change();

-- The number of the event that a note is about; null: the note is about the whole incident.
ALTER TABLE runbook.notes ADD COLUMN about bigint;
