-- What the identity provider said about a person who signed in there: JSON with the name and the provider's groups. Null: the person
-- signed in with a token. The configuration's people and groups are applied whenever the session is used.
ALTER TABLE runbook.sessions ADD COLUMN identity text;
