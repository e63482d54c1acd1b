-- Functions for statements that read the bodies of many events. A body or a time that somebody changed gives NULL, because after a cast that
-- fails, one such row would make the whole statement fail. `runbook audit verify` reports these rows.
CREATE FUNCTION runbook.parsed_body(p_body text) RETURNS jsonb
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN p_body::jsonb;
EXCEPTION WHEN data_exception THEN
  RETURN NULL;
END $$;

CREATE FUNCTION runbook.parsed_time(p_time text) RETURNS timestamptz
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN p_time::timestamptz;
EXCEPTION WHEN data_exception THEN
  RETURN NULL;
END $$;

REVOKE ALL ON FUNCTION runbook.parsed_body(text), runbook.parsed_time(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION runbook.parsed_body(text), runbook.parsed_time(text) TO runbook_application, runbook_reader;
