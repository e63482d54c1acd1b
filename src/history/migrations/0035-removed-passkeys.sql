-- A passkey that its person removed stays removed: nobody with the engine's login can make it valid again.
CREATE TRIGGER removed_for_good BEFORE UPDATE ON runbook.passkeys FOR EACH ROW WHEN (OLD.removed_at IS NOT NULL)
  EXECUTE FUNCTION runbook.refuse_change();
CREATE TRIGGER append_only BEFORE DELETE ON runbook.passkeys FOR EACH ROW EXECUTE FUNCTION runbook.refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON runbook.passkeys FOR EACH STATEMENT EXECUTE FUNCTION runbook.refuse_change();
