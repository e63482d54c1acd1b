-- A gate's terms (who decides, how many, how long) are in the proposal, which every decision's signature covers. These columns were
-- copies of them that nothing decided by. Stop the workers of earlier versions first: they write these columns when they open a gate.
ALTER TABLE runbook.gates
  DROP COLUMN required,
  DROP COLUMN groups,
  DROP COLUMN exclude_requester,
  DROP COLUMN on_timeout,
  DROP COLUMN escalate_to,
  DROP COLUMN valid_for_ms;
