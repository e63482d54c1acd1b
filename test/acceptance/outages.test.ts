import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeRoot } from '../../src/cli/installation/make-root.ts'
import { packageRoot } from '../../src/cli/installation/package-root.ts'
import { startInstallation } from '../../src/cli/installation/start-installation.ts'
import { eraseStack } from '../../src/stack/erase-stack.ts'
import { startStack, type Stack } from '../../src/stack/stack.ts'
import { approve, review, show, trigger, untilClosed, untilGate } from './person.ts'
import { listenAsSlack, type Slack } from './slack.ts'
import { untilAllFinished, untilStuck } from './traces.ts'
import { treated } from './treated.ts'
import { until } from './until.ts'
import { worldOf, type World } from './world.ts'

// A server that is given by the environment is not ours to stop: those tests are left out then.
const root = mkdtempSync(join(tmpdir(), 'runbook-outages-'))
let slack: Slack
let stack: Stack
let world: World

/** With servers of its own, which it may stop, and a Temporal whose state is on the disk. */
async function start(): Promise<void> {
  stack = await startStack({ dir: join(root, '.runbook'), temporal: 'file', log: () => {} })
  const installation = await startInstallation({
    root,
    temporal: 'file',
    maestro: true,
    stack,
    env: { SLACK_WEBHOOK: slack.url },
    log: (line) => console.log(`  ${line}`),
  })
  world = worldOf(installation, slack, { engine: 'runbook', maestro: 'maestro' })
}

async function stop(): Promise<void> {
  await world.close()
  await stack.stop()
}

beforeAll(async () => {
  makeRoot({ pattern: packageRoot(), root })
  slack = await listenAsSlack()
  await start()
})
afterAll(async () => {
  await stop()
  await slack.close()
  await eraseStack(join(root, '.runbook'))
  rmSync(root, { recursive: true, force: true })
})

test.skipIf(process.env.TEMPORAL_ADDRESS)(
  'Temporal is down: an incident is accepted all the same, and begins when it is back',
  async () => {
    await stack.temporal.stop()
    const id = await trigger(world, 'stuck-run', {})
    expect(await show(world, id)).toMatchObject({ state: 'open', outcome: null, rounds: [] })
    await stack.temporal.start()
    expect(await untilClosed(world, id)).toMatchObject({ outcome: 'cleared', exit: 0 })
  },
)

test.skipIf(process.env.RUNBOOK_POSTGRES_URL)(
  'PostgreSQL is down: one clear message and exit code 1, nothing half done, and all goes on when it is back',
  async () => {
    const before = (await world.runbook(['list', '-o', 'json'])).out
    await stack.postgres.stop()
    const refused = [await world.runbook(['trigger', 'stuck-run']), await world.runbook(['list'])]
    await stack.postgres.start()
    for (const { code, out, err } of refused) {
      expect({ code, out }).toEqual({ code: 1, out: '' })
      expect(err).toMatch(
        /^runbook: the engine's database does not answer: [^\n]*127\.0\.0\.1:\d+[^\n]*"runbook doctor"[^\n]*\n$/,
      )
    }
    await until('the API answers again', async () => ((await world.runbook(['list'])).code === 0 ? true : undefined))
    expect((await world.runbook(['list', '-o', 'json'])).out).toBe(before)
    await until('Maestro is healthy again', async () =>
      fetch(`${world.installation.env.MAESTRO_URL}/health`).then(
        ({ ok }) => ok || undefined,
        () => undefined,
      ),
    )
  },
)

test.skipIf(process.env.REDIS_URL)(
  'Redis is down: the checks that fail are evidence, no cause is named, and people are told',
  async () => {
    const runs = (await world.installation.maestro(['load', '--runs', '2'])).trim().split('\n')
    await until('the runs have begun', async () => {
      const { rows } = await world.maestro.query(`SELECT 1 FROM runs WHERE id = ANY($1) AND status = 'RUNNING'`, [runs])
      return rows.length === 2 ? true : undefined
    })
    await stack.redis.stop()
    await untilStuck(world, runs)
    const id = await trigger(world, 'stuck-run', { threshold: '5s' })
    const end = await untilClosed(world, id)
    expect(end).toMatchObject({ outcome: 'escalated', exit: 5 })
    expect(end.rounds[0]).toMatchObject({ remedy: null, gate: null, effects: [] })
    expect(end.rounds[0]!.causes.filter((cause) => cause.holds === 'undetermined').map((cause) => cause.cause)).toEqual(
      ['queue-paused', 'workers-killed', 'stalled-nobody-checks'],
    )
    const { evidence } = await review(world, id)
    const failed = evidence.filter(({ status }) => status === 'failed')
    expect(failed.map(({ name }) => name).sort()).toEqual(['jobs', 'queue'])
    for (const { body } of failed) expect(String(body.error)).toMatch(/Redis at 127\.0\.0\.1:\d+/)
    expect(slack.messages.at(-1)).toContain(id)

    await stack.redis.start()
    await untilAllFinished(world, runs)
  },
)

test('everything stopped at the gate and started again: it still waits for the same proposal, and ends as it would have', async () => {
  const runs = await world.fault('timeout-too-short')
  const id = await trigger(world, 'task-failure', { since: '30m' })
  const before = await untilGate(world, id)
  await stop()
  const away = await world.runbook(['show', id])
  expect(away.code).toBe(1)
  expect(away.err).toMatch(/^runbook: the API at http:\/\/127\.0\.0\.1:\d+ does not answer[^\n]*\n$/)

  await start()
  const after = await untilGate(world, id)
  expect(after).toEqual(before)
  expect(treated(after).holds).toEqual(['timeout-too-short'])
  await approve(world, id, after)
  expect(await untilClosed(world, id)).toMatchObject({ outcome: 'resolved', exit: 0, rounds: [{ verified: true }] })
  await untilAllFinished(world, runs)
})
