-- Every statement can be repeated: it does nothing if its table or index exists.

CREATE TABLE IF NOT EXISTS runs (
  id             text PRIMARY KEY,
  workflow       text NOT NULL,
  status         text NOT NULL DEFAULT 'PENDING'
                 CHECK (status IN ('PENDING', 'RUNNING', 'RETRY', 'COMPLETED', 'FAILED')),
  current_step   text NOT NULL,
  attempt        integer NOT NULL DEFAULT 1,
  failure_reason text,
  input          jsonb NOT NULL DEFAULT '{}',
  created_at     timestamptz NOT NULL DEFAULT now(),
  updated_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS runs_running_updated_at ON runs (updated_at) WHERE status = 'RUNNING';
CREATE INDEX IF NOT EXISTS runs_to_recover ON runs (updated_at) WHERE status IN ('RETRY', 'FAILED');

CREATE TABLE IF NOT EXISTS steps (
  run_id       text NOT NULL REFERENCES runs (id),
  step         text NOT NULL,
  type         text NOT NULL,
  attempt      integer NOT NULL,
  status       text NOT NULL DEFAULT 'PENDING'
               CHECK (status IN ('PENDING', 'RUNNING', 'RETRY', 'COMPLETED', 'FAILED')),
  job_id       text NOT NULL,
  input        jsonb NOT NULL DEFAULT '{}',
  output       jsonb,
  worker       text,
  token        text,
  starts       integer NOT NULL DEFAULT 0,
  started_at   timestamptz,
  heartbeat_at timestamptz,
  finished_at  timestamptz,
  error        text,
  PRIMARY KEY (run_id, step, attempt)
);
CREATE INDEX IF NOT EXISTS steps_failed ON steps (type, finished_at) WHERE status = 'FAILED';

CREATE TABLE IF NOT EXISTS step_types (
  type       text PRIMARY KEY,
  timeout_ms integer NOT NULL CHECK (timeout_ms > 0),
  attempts   integer NOT NULL CHECK (attempts > 0),
  backoff_ms integer NOT NULL CHECK (backoff_ms >= 0),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS outbox (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run_id     text NOT NULL REFERENCES runs (id),
  step       text NOT NULL,
  attempt    integer NOT NULL,
  job_id     text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  sent_at    timestamptz
);
CREATE INDEX IF NOT EXISTS outbox_pending ON outbox (id) WHERE sent_at IS NULL;

CREATE TABLE IF NOT EXISTS publications (
  run_id       text PRIMARY KEY REFERENCES runs (id),
  published_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS workers (
  name         text PRIMARY KEY,
  pid          integer NOT NULL,
  starts       integer NOT NULL DEFAULT 1,
  started_at   timestamptz NOT NULL DEFAULT now(),
  seen_at      timestamptz NOT NULL DEFAULT now(),
  cpu_percent  double precision NOT NULL DEFAULT 0,
  memory_bytes bigint NOT NULL DEFAULT 0
);
