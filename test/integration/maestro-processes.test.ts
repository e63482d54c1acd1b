import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { inspect } from '../../examples/maestro/cli/commands/inspect.ts'
import { down } from '../../examples/maestro/cli/commands/down.ts'
import { up } from '../../examples/maestro/cli/commands/up.ts'
import { readQueue } from '../../examples/maestro/queue/read-queue.ts'
import { until } from '../../examples/maestro/repeat.ts'
import { requireControl } from '../../examples/maestro/supervisor/control-client.ts'
import { readLogs, startMaestro, untilCompleted, type RunningMaestro } from './maestro-rig.ts'

let maestro: RunningMaestro

beforeAll(async () => {
  maestro = await startMaestro(inject('stack'))
})
afterAll(() => maestro.stop())

const alive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

async function pids(): Promise<number[]> {
  const { pid, services, workers } = await maestro.control.status()
  return [pid, ...[...services, ...workers].map((one) => one.pid ?? 0)]
}

async function untilExited(processes: number[]): Promise<void> {
  await until(async () => (processes.some(alive) ? undefined : true), {
    timeoutMs: 12_000,
    timeoutError: () => new Error(`still running: ${processes.filter(alive).join(' ')}`),
  })
}

test('up starts every service healthy, and a second up reports that Maestro is running', async () => {
  const { ports } = maestro.control.state
  for (const port of Object.values(ports)) {
    const response = await fetch(`http://127.0.0.1:${port}/health`)
    expect(await response.json()).toMatchObject({ status: 'ok' })
  }
  const printed: string[] = []
  await up(maestro.config, false, (text) => printed.push(text))
  expect(printed[0]).toContain('Maestro is already running')
})

test('the control API refuses requests without its token', async () => {
  const response = await fetch(`http://127.0.0.1:${maestro.control.state.ports.supervisor}/workers/scale`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"count":0}',
  })
  expect(response.status).toBe(401)
  expect((await maestro.control.status()).targetCount).toBe(2)
})

test('scale sets the number of workers', async () => {
  const names = async (): Promise<string[]> => (await readQueue(maestro.redis, maestro.config)).workers
  await maestro.control.scale(3)
  expect(await names()).toEqual(['worker-1', 'worker-2', 'worker-3'])
  await maestro.control.scale(3)
  expect(await names()).toEqual(['worker-1', 'worker-2', 'worker-3'])
  await maestro.control.scale(2)
  expect(await names()).toEqual(['worker-1', 'worker-2'])
  await expect(maestro.control.scale(-1)).rejects.toThrow('use a whole number from 0 to 32')
})

test('restart drains first: a running step completes and is not started again', async () => {
  const [run] = await maestro.startRuns('video', 1, { transcode: { seconds: 2 } })
  await until(
    async () => {
      const { rows } = await maestro.pool.query(
        `SELECT 1 FROM steps WHERE run_id = $1 AND step = 'transcode' AND status = 'RUNNING'`,
        [run],
      )
      return rows.length > 0 ? true : undefined
    },
    { timeoutMs: 5000, timeoutError: () => new Error('timed out waiting for the transcode step to start') },
  )
  const before = await pids()
  await maestro.control.restart()
  expect((await pids()).filter((pid) => before.includes(pid))).toHaveLength(2) // The supervisor and ml-inference were not restarted.
  await untilCompleted(maestro, [run!])
  const { rows } = await maestro.pool.query('SELECT DISTINCT starts, attempt FROM steps WHERE run_id = $1', [run])
  expect(rows).toEqual([{ starts: 1, attempt: 1 }])
})

test('killing the orchestrator loses no run and queues no step twice', async () => {
  const ids = await maestro.startRuns('thumbnail', 20, { render: { seconds: 0.1 } })
  const orchestrator = (await maestro.control.status()).services.find((one) => one.name === 'orchestrator')
  process.kill(orchestrator!.pid!, 'SIGKILL')
  await untilCompleted(maestro, ids)
  const { rows } = await maestro.pool.query(
    'SELECT max(starts) AS starts, count(*)::int AS steps FROM steps WHERE run_id = ANY($1)',
    [ids],
  )
  expect(rows).toEqual([{ starts: 1, steps: 40 }])
})

test('each step logs its start and its end, with the fields that identify it', async () => {
  const [run] = await maestro.startRuns('video', 1)
  await untilCompleted(maestro, [run!])
  const lines = readLogs(maestro).filter((line) => line.run === run && line.event.startsWith('step.'))
  expect(lines.map((line) => `${String(line.step)} ${line.event}`)).toEqual(
    ['fetch', 'transcode', 'classify', 'publish'].flatMap((step) => [`${step} step.started`, `${step} step.completed`]),
  )
  for (const line of lines) {
    expect(line).toMatchObject({ type: expect.any(String), attempt: 1, pid: expect.any(Number) })
    expect(line.job).toBe(`${run}__${String(line.step)}__a1`)
    expect(line.worker).toMatch(/^worker-[12]$/)
  }
})

test('inspect shows run, steps, job and logs, and changes nothing', async () => {
  const [run] = await maestro.startRuns('classify', 1)
  await untilCompleted(maestro, [run!])
  const dump = async (): Promise<string[]> => {
    const keys = (await maestro.redis.keys(`${maestro.config.prefix}:*`)).sort()
    const kept = keys.filter((name) => !name.endsWith(':stalled-check'))
    return Promise.all(kept.map(async (name) => `${name} ${String(await maestro.redis.dump(name))}`))
  }
  const before = await dump()
  // This database session is read-only.
  const databaseUrl = `${maestro.config.databaseUrl}?options=-c%20default_transaction_read_only%3Don`
  const text = await inspect({ ...maestro.config, databaseUrl }, run!, 'table')
  expect(text).toContain(`run      ${run} · workflow classify · COMPLETED`)
  expect(text).toContain(`${run}__publish__a1 · completed`)
  expect(text).not.toContain('lock missing')
  expect(text).toMatch(/step\.completed step=publish attempt=1 duration_ms=\d+/)
  expect(JSON.parse(await inspect({ ...maestro.config, databaseUrl }, run!, 'json'))).toMatchObject({
    run: { id: run, status: 'COMPLETED' },
    steps: [{ step: 'fetch' }, { step: 'classify' }, { step: 'publish' }],
    job: { state: 'completed', starts: 1, attemptsMade: 1 },
  })
  expect(await dump()).toEqual(before)
  await expect(inspect(maestro.config, 'run-0', 'table')).rejects.toThrow('run "run-0" does not exist')
})

test('when the supervisor is killed its processes exit, and up starts them on the same addresses', async () => {
  const before = await pids()
  const { ports, pid } = maestro.control.state
  process.kill(pid, 'SIGKILL')
  await untilExited(before)
  await up(maestro.config, false, () => {})
  maestro.control = await requireControl(maestro.config.dir)
  expect(maestro.control.state.ports).toEqual(ports)
})

test('down stops every process', async () => {
  const before = await pids()
  expect(await down(maestro.config)).toBe('Maestro is stopped')
  await untilExited(before)
  expect(await down(maestro.config)).toBe('Maestro is not running')
})
