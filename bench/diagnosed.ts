import pg from 'pg'

/** 2,000 runs of an imaginary system, some of them stuck. Small, so that the statements take little time compared with the workflow. */
const SCHEMA = `
CREATE TABLE runs (id text PRIMARY KEY, status text NOT NULL, current_step text NOT NULL, attempt int NOT NULL,
  updated_at timestamptz NOT NULL);
CREATE TABLE steps (run_id text NOT NULL REFERENCES runs, step text NOT NULL, attempt int NOT NULL, type text NOT NULL,
  status text NOT NULL, failure_reason text, job_id text, worker text, heartbeat_at timestamptz NOT NULL,
  PRIMARY KEY (run_id, step, attempt));
INSERT INTO runs SELECT 'run-' || i, CASE WHEN i % 200 = 0 THEN 'RUNNING' WHEN i % 7 = 0 THEN 'FAILED' ELSE 'COMPLETED' END,
  'ingest', 1, now() - i * interval '1 minute' FROM generate_series(1, 2000) i;
INSERT INTO steps SELECT r.id, 'ingest', 1, 'ingest', r.status, CASE WHEN r.status = 'FAILED' THEN 'Timeout' END, 'job-' || r.id,
  'worker-' || length(r.id), r.updated_at FROM runs r;
CREATE INDEX runs_running ON runs (updated_at) WHERE status = 'RUNNING';
CREATE INDEX steps_unfinished ON steps (status, heartbeat_at) WHERE status IN ('RUNNING', 'FAILED');
ANALYZE runs, steps;`

/** Creates and fills the tables of the diagnosed database. */
export async function fillDiagnosed(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(SCHEMA)
  } finally {
    await client.end()
  }
}
