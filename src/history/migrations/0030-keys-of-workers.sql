-- The public keys of the engine whose decisions a worker accepts, for the doctor. NULL: the worker applies no remedies, has
-- ended, or is of an earlier version.
ALTER TABLE runbook.workers ADD COLUMN signing_keys text[];
