import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { configEnvironment, type MaestroConfig } from '../config.ts'
import { checkDatabase, openDatabase } from '../database/connect.ts'
import { migrate } from '../database/migrate.ts'
import { serve, stopServing } from '../http/serve.ts'
import { openLog, type JsonLog } from '../json-log.ts'
import { checkRedis, openRedis } from '../queue/connect.ts'
import { choosePort } from './choose-port.ts'
import { controlRoutes } from './control-api.ts'
import { WorkerPool, DRAIN_TIMEOUT_MS } from './worker-pool.ts'
import { lockFolder } from './lock-file.ts'
import { SupervisedProcess } from './supervised-process.ts'
import { programFile, type Program } from './program.ts'
import { readState, removeState, writeState, type Service, type SupervisorState } from './state-file.ts'

/** The heap is small, so that a step that needs too much memory crashes its worker quickly. */
const WORKER_HEAP_MB = 96

/**
 * Starts Maestro and runs it until `stop` resolves or the control API requests a shutdown. Then drains and stops every process.
 * @param onReady called with the addresses when every process is ready
 */
export async function supervise(
  config: MaestroConfig,
  stop: Promise<unknown>,
  onReady: (state: SupervisorState) => void,
): Promise<void> {
  const unlock = await lockFolder(config.dir)
  try {
    await superviseLocked(config, stop, onReady)
  } finally {
    unlock()
  }
}

async function superviseLocked(
  config: MaestroConfig,
  stop: Promise<unknown>,
  onReady: (state: SupervisorState) => void,
): Promise<void> {
  emptyLogs(config.dir)
  const log = openLog(config.dir, 'supervisor')
  await prepareStores(config)
  const state: SupervisorState = {
    pid: process.pid,
    token: randomBytes(24).toString('base64url'),
    prefix: config.prefix,
    startedAt: new Date().toISOString(),
    ports: await choosePorts(config),
  }
  const { services, workerPool } = createProcesses(config, state, log)
  let shutDown = (): void => {}
  const shutDownRequested = new Promise<void>((resolve) => (shutDown = resolve))
  const server = await serve(
    state.ports.supervisor,
    controlRoutes({ state, services, workerPool, shutDown }),
    state.token,
  )
  writeState(config.dir, state)
  try {
    await Promise.all([
      services.orchestrator.start(),
      services['ml-inference'].start(),
      workerPool.scale(config.workers),
    ])
    log.info('process.started')
    onReady(state)
    await Promise.race([stop, shutDownRequested])
  } finally {
    await workerPool.stop()
    await Promise.all([services.orchestrator.stop(DRAIN_TIMEOUT_MS), services['ml-inference'].stop(DRAIN_TIMEOUT_MS)])
    await stopServing(server)
    removeState(config.dir)
    log.info('process.stopped')
  }
}

/** Prefers the ports of the previous run, so that addresses stay valid after a restart. */
async function choosePorts(config: MaestroConfig): Promise<SupervisorState['ports']> {
  const previous = readState(config.dir)?.ports
  return {
    orchestrator: await choosePort(previous?.orchestrator ?? config.port),
    'ml-inference': await choosePort(previous?.['ml-inference'] ?? config.port + 1),
    supervisor: await choosePort(previous?.supervisor ?? config.port + 2),
  }
}

function createProcesses(
  config: MaestroConfig,
  { ports }: SupervisorState,
  log: JsonLog,
): { services: Record<Service, SupervisedProcess>; workerPool: WorkerPool } {
  const createProcess = (
    name: string,
    program: Program,
    env: Record<string, string>,
    nodeOptions: string[] = [],
  ): SupervisedProcess =>
    new SupervisedProcess(
      {
        name,
        argv: [...nodeOptions, '--enable-source-maps', programFile(program)],
        env: { PATH: process.env.PATH ?? '', ...configEnvironment(config), ...env },
        outputFile: join(config.dir, 'logs', `${name}.out`),
        logFile: join(config.dir, 'logs', `${name}.jsonl`),
      },
      log,
    )
  const mlUrl = `http://127.0.0.1:${ports['ml-inference']}`
  return {
    services: {
      orchestrator: createProcess('orchestrator', 'orchestrator', { MAESTRO_OWN_PORT: String(ports.orchestrator) }),
      'ml-inference': createProcess('ml-inference', 'ml-inference', {
        MAESTRO_OWN_PORT: String(ports['ml-inference']),
      }),
    },
    workerPool: new WorkerPool(
      (name) =>
        createProcess(name, 'worker', { MAESTRO_WORKER_NAME: name, ML_URL: mlUrl }, [
          `--max-old-space-size=${WORKER_HEAP_MB}`,
        ]),
      log,
    ),
  }
}

async function prepareStores(config: MaestroConfig): Promise<void> {
  const pool = openDatabase(config.databaseUrl, `${config.prefix}-supervisor`, 1)
  const redis = openRedis(config)
  try {
    await Promise.all([checkDatabase(pool, config.databaseUrl), checkRedis(redis, config.redisUrl)])
    await migrate(pool)
    await pool.query('DELETE FROM workers')
  } finally {
    redis.disconnect()
    await pool.end()
  }
}

function emptyLogs(dir: string): void {
  const logs = join(dir, 'logs')
  mkdirSync(logs, { recursive: true })
  for (const file of readdirSync(logs)) rmSync(join(logs, file), { force: true })
}
