-- The identity that the provider reported for a person who signed in there: JSON with the name and the provider's groups. Null if the
-- person signed in with a token. The people and groups of the configuration are applied each time that the session is used.
ALTER TABLE runbook.sessions ADD COLUMN identity text;
