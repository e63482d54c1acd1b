-- The engine's id. Incidents begin at INC-1 in every engine's database, so the keys that an engine writes in a diagnosed system (ledger,
-- fences, Redis) include this id. A database restored from a backup keeps its id; a new database has a new one.
CREATE TABLE runbook.engine (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  id  uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO runbook.engine DEFAULT VALUES;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON runbook.engine FOR EACH ROW EXECUTE FUNCTION runbook.refuse_change();
GRANT SELECT ON runbook.engine TO runbook_application, runbook_reader;

-- When the reconciler last woke the workflow of this incident, and when it last asked Temporal about the workflow. Both intervals grow, and
-- only one process at a time claims an incident.
ALTER TABLE runbook.incidents ADD rung_at timestamptz, ADD looked_at timestamptz;
GRANT UPDATE (rung_at, looked_at) ON runbook.incidents TO runbook_application;

-- Grants only the rights that are used: the application may not insert the head of a chain or the end of an incident, and may not change
-- the terms of a gate.
REVOKE INSERT ON runbook.incidents FROM runbook_application;
GRANT INSERT (type, runbook, plan_digest, key, inputs, requester, parent) ON runbook.incidents TO runbook_application;
REVOKE UPDATE (required, groups) ON runbook.gates FROM runbook_application;
REVOKE UPDATE ON runbook.leases FROM runbook_application;
GRANT UPDATE (holder, fence, until) ON runbook.leases TO runbook_application;

-- With a lower fence, a process that lost its lease could write again.
CREATE FUNCTION runbook.refuse_lower_fence() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'the fence of % only rises', OLD.name USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER fence_rises BEFORE UPDATE ON runbook.leases FOR EACH ROW WHEN (NEW.fence < OLD.fence)
  EXECUTE FUNCTION runbook.refuse_lower_fence();

CREATE TRIGGER append_only_but_withdrawal BEFORE UPDATE ON runbook.decisions FOR EACH ROW
  WHEN ((OLD.jti, OLD.gate, OLD.person, OLD.decision, OLD.proposal_digest, OLD.targets, OLD.next_cause, OLD.comment, OLD.token, OLD.at)
    IS DISTINCT FROM
    (NEW.jti, NEW.gate, NEW.person, NEW.decision, NEW.proposal_digest, NEW.targets, NEW.next_cause, NEW.comment, NEW.token, NEW.at)
    OR OLD.withdrawn_at IS NOT NULL)
  EXECUTE FUNCTION runbook.refuse_change();
CREATE TRIGGER append_only_proposal BEFORE UPDATE ON runbook.gates FOR EACH ROW
  WHEN ((OLD.id, OLD.proposal, OLD.proposal_digest) IS DISTINCT FROM (NEW.id, NEW.proposal, NEW.proposal_digest))
  EXECUTE FUNCTION runbook.refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON runbook.plans FOR EACH STATEMENT EXECUTE FUNCTION runbook.refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON runbook.notes FOR EACH STATEMENT EXECUTE FUNCTION runbook.refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON runbook.decisions FOR EACH STATEMENT EXECUTE FUNCTION runbook.refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON runbook.gates FOR EACH STATEMENT EXECUTE FUNCTION runbook.refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON runbook.effects FOR EACH STATEMENT EXECUTE FUNCTION runbook.refuse_change();
