-- Who changed the runbook from which a plan was compiled, by the names in the configuration. A policy can exclude these people from
-- approving remedies of the plan. Rows are only added: a plan keeps every author that it ever had.
CREATE TABLE runbook.plan_authors (
  plan   text NOT NULL REFERENCES runbook.plans (digest),
  author text NOT NULL,
  at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (plan, author)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON runbook.plan_authors FOR EACH ROW EXECUTE FUNCTION runbook.refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON runbook.plan_authors FOR EACH STATEMENT EXECUTE FUNCTION runbook.refuse_change();
GRANT SELECT ON runbook.plan_authors TO runbook_application, runbook_reader;
GRANT INSERT (plan, author) ON runbook.plan_authors TO runbook_application;
