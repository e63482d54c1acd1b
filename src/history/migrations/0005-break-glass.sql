-- The reason of a person who decided alone with the break-glass permission; null for every other decision.
ALTER TABLE runbook.decisions ADD break_glass text;

DROP TRIGGER append_only_but_withdrawal ON runbook.decisions;
CREATE TRIGGER append_only_but_withdrawal BEFORE UPDATE ON runbook.decisions FOR EACH ROW
  WHEN ((OLD.jti, OLD.gate, OLD.person, OLD.decision, OLD.proposal_digest, OLD.targets, OLD.next_cause, OLD.comment, OLD.token, OLD.at,
    OLD.break_glass)
    IS DISTINCT FROM
    (NEW.jti, NEW.gate, NEW.person, NEW.decision, NEW.proposal_digest, NEW.targets, NEW.next_cause, NEW.comment, NEW.token, NEW.at,
    NEW.break_glass)
    OR OLD.withdrawn_at IS NOT NULL)
  EXECUTE FUNCTION runbook.refuse_change();
