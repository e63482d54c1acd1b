import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeRoot } from '../../src/cli/installation/make-root.ts'
import { packageRoot } from '../../src/cli/installation/package-root.ts'
import { startInstallation } from '../../src/cli/installation/start-installation.ts'
import { eraseStack } from '../../src/stack/erase-stack.ts'
import { startStack, type Stack } from '../../src/stack/stack.ts'
import { approve, review, show, trigger, untilClosed, untilGate } from './operator.ts'
import { startFakeSlack, type Slack } from './slack.ts'
import { untilAllCompleted, untilStuck } from './maestro-records.ts'
import { summarizeRound } from './round-summary.ts'
import { until } from './until.ts'
import { worldOf, type World } from './world.ts'

// A server from the environment must not be stopped by a test, so these tests are skipped if there is one.
const root = mkdtempSync(join(tmpdir(), 'runbook-outages-'))
let slack: Slack
let stack: Stack
let world: World

/** Starts an installation with its own servers, which the tests may stop, and a Temporal server that stores its state on disk. */
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
  appendFileSync(join(root, 'runbook.config.yaml'), '\nwaitWhileDown: 3s\n')
  slack = await startFakeSlack()
  await start()
})
afterAll(async () => {
  await stop()
  await slack.close()
  await eraseStack(join(root, '.runbook'))
  rmSync(root, { recursive: true, force: true })
})

test.skipIf(process.env.TEMPORAL_ADDRESS)(
  'while Temporal is down an incident is accepted, and its workflow starts when Temporal is back',
  async () => {
    await stack.temporal.stop()
    const id = await trigger(world, 'stuck-run', {})
    expect(await show(world, id)).toMatchObject({ state: 'open', outcome: null, rounds: [] })
    await stack.temporal.start()
    expect(await untilClosed(world, id)).toMatchObject({ outcome: 'cleared', exit: 0 })
  },
)

test.skipIf(process.env.RUNBOOK_POSTGRES_URL)(
  'while PostgreSQL is down commands exit with 1 and a clear message and change nothing, and work again when it is back',
  async () => {
    const before = (await world.runbook(['list', '-o', 'json'])).out
    await stack.postgres.stop()
    const refused = [await world.runbook(['trigger', 'stuck-run']), await world.runbook(['list'])]
    await stack.postgres.start()
    for (const { code, out, err } of refused) {
      expect({ code, out }).toEqual({ code: 1, out: '' })
      expect(err).toMatch(
        /^error: the engine's database does not answer: [^\n]*127\.0\.0\.1:\d+[^\n]*"runbook doctor"[^\n]*\n$/,
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
  'while Redis is down it is waited for; then failed checks are stored as evidence, no cause is named, and the incident is escalated',
  async () => {
    const runs = (await world.installation.maestro(['load', '--runs', '2'])).trim().split('\n')
    await until('the runs are RUNNING', async () => {
      const { rows } = await world.maestro.query(`SELECT 1 FROM runs WHERE id = ANY($1) AND status = 'RUNNING'`, [runs])
      return rows.length === 2 ? true : undefined
    })
    await stack.redis.stop()
    await untilStuck(world, runs)
    const id = await trigger(world, 'stuck-run', { threshold: '5s' })
    const closed = await untilClosed(world, id)
    expect(closed).toMatchObject({ outcome: 'escalated', exit: 5 })
    expect(closed.rounds[0]).toMatchObject({ remedy: null, gate: null, effects: [] })
    expect(
      closed.rounds[0]!.causes.filter((cause) => cause.holds === 'undetermined').map((cause) => cause.cause),
    ).toEqual(['queue-paused', 'workers-killed', 'stalled-nobody-checks'])
    const { evidence } = await review(world, id)
    const failed = evidence.filter(({ status }) => status === 'failed')
    // The checks ran again twice before the incident was escalated, without another wait.
    expect(failed.map(({ name }) => name).sort()).toEqual(['jobs', 'jobs', 'jobs', 'queue', 'queue', 'queue'])
    for (const { body } of failed)
      expect(String(body.error)).toMatch(
        /Redis at 127\.0\.0\.1:\d+.*; waited for \S+ (for \S+|before, without an answer)$/,
      )
    await until('the escalation is delivered', async () =>
      slack.messages.some((message) => message.includes(id)) ? true : undefined,
    )

    await stack.redis.start()
    await untilAllCompleted(world, runs)
  },
)

test('after a complete restart at the gate the incident waits for the same proposal and can be resolved', async () => {
  const runs = await world.fault('timeout-too-short')
  const id = await trigger(world, 'task-failure', { since: '30m' })
  const before = await untilGate(world, id)
  await stop()
  const whileStopped = await world.runbook(['show', id])
  expect(whileStopped.code).toBe(1)
  expect(whileStopped.err).toMatch(/^error: the API at http:\/\/127\.0\.0\.1:\d+ does not answer[^\n]*\n$/)

  await start()
  const after = await untilGate(world, id)
  expect(after).toEqual(before)
  expect(summarizeRound(after).holds).toEqual(['timeout-too-short'])
  await approve(world, id, after)
  expect(await untilClosed(world, id)).toMatchObject({ outcome: 'resolved', exit: 0, rounds: [{ verified: true }] })
  await untilAllCompleted(world, runs)
})
