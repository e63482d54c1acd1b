-- The terms of a gate (who decides, how many people, how long) are in its proposal, which every decision's signature covers. The columns
-- that are dropped here were copies of the terms, and nothing used them for a decision. Stop the workers of earlier versions first, because
-- they write these columns when they open a gate.
ALTER TABLE runbook.gates
  DROP COLUMN required,
  DROP COLUMN groups,
  DROP COLUMN exclude_requester,
  DROP COLUMN on_timeout,
  DROP COLUMN escalate_to,
  DROP COLUMN valid_for_ms;
