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
import { Crew, DRAIN_MS } from './crew.ts'
import { lockFolder } from './lock-file.ts'
import { KeptProcess } from './keep-process.ts'
import { programFile, type Program } from './program.ts'
import { readState, removeState, writeState, type Service, type SupervisorState } from './state-file.ts'

/** Small, so that a step that takes too much memory ends its worker at once. */
const WORKER_HEAP_MB = 96

/**
 * Starts Maestro and holds it until `stop` resolves or the control API says so; then everything is drained.
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
  const { services, crew } = plan(config, state, log)
  let shutDown = (): void => {}
  const told = new Promise<void>((resolve) => (shutDown = resolve))
  const server = await serve(state.ports.supervisor, controlRoutes({ state, services, crew, shutDown }), state.token)
  writeState(config.dir, state)
  try {
    await Promise.all([services.orchestrator.start(), services['ml-inference'].start(), crew.scale(config.workers)])
    log.info('process.started')
    onReady(state)
    await Promise.race([stop, told])
  } finally {
    await crew.stop()
    await Promise.all([services.orchestrator.stop(DRAIN_MS), services['ml-inference'].stop(DRAIN_MS)])
    await stopServing(server)
    removeState(config.dir)
    log.info('process.stopped')
  }
}

/** The same ports as last time where they are free: who was given an address keeps it. */
async function choosePorts(config: MaestroConfig): Promise<SupervisorState['ports']> {
  const before = readState(config.dir)?.ports
  return {
    orchestrator: await choosePort(before?.orchestrator ?? config.port),
    'ml-inference': await choosePort(before?.['ml-inference'] ?? config.port + 1),
    supervisor: await choosePort(before?.supervisor ?? config.port + 2),
  }
}

function plan(
  config: MaestroConfig,
  { ports }: SupervisorState,
  log: JsonLog,
): { services: Record<Service, KeptProcess>; crew: Crew } {
  const keep = (name: string, program: Program, env: Record<string, string>, nodeOptions: string[] = []): KeptProcess =>
    new KeptProcess(
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
      orchestrator: keep('orchestrator', 'orchestrator', { MAESTRO_OWN_PORT: String(ports.orchestrator) }),
      'ml-inference': keep('ml-inference', 'ml-inference', { MAESTRO_OWN_PORT: String(ports['ml-inference']) }),
    },
    crew: new Crew(
      (name) =>
        keep(name, 'worker', { MAESTRO_WORKER_NAME: name, ML_URL: mlUrl }, [`--max-old-space-size=${WORKER_HEAP_MB}`]),
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
