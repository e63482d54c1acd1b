import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { packageRoot } from '../../src/cli/installation/package-root.ts'
import { show, trigger, untilGate } from './operator.ts'
import { openWorld, type CommandResult, type World } from './world.ts'

/** A runbook that always proposes a remedy, whatever the state of the queue. */
const APPROVAL_RUNBOOK = `version: 1
runbook: approval
incident: approval-needed
title: An approval is needed
owner: tests
inputs:
  length: { type: int, default: 1, min: 1 }
  for: { type: duration, default: 1m }
  who: { type: string }
key: approval-needed/\${{ inputs.who }}
diagnose:
  queue: { check: bullmq.queue, with: { connection: maestro-queue } }
causes:
  - cause: queue-exists
    title: The queue exists
    when: queue.exists
    because: the queue exists
    remedy: resume
otherwise: escalate
remedies:
  resume:
    title: Resume the queue
    risk: low
    do:
      - action: bullmq.resume
        with: { connection: maestro-queue }
    approval: { by: [oncall], within: 15m, onTimeout: reject }
    verify:
      checks:
        after: { check: bullmq.queue, with: { connection: maestro-queue } }
      until: "!after.paused"
      every: 1s
      within: 1m
escalate: { to: [platform-support], message: No cause found }
`
const BROKEN = APPROVAL_RUNBOOK.replace('incident: approval-needed', 'incident: breaking').replace(
  'when: queue.exists',
  'when: queue.exsts',
)

let world: World

beforeAll(async () => {
  world = await openWorld(inject('stack'), { runbooks: { 'approval.yaml': APPROVAL_RUNBOOK, 'broken.yaml': BROKEN } })
})
afterAll(() => world?.close())

/** Asserts that a command printed one line on stderr and nothing on stdout. Returns this line and the exit code. */
function refusal({ code, out, err }: CommandResult): { code: number; message: string } {
  expect(out).toBe('')
  expect(err).toMatch(/^error: [^\n]+\n$/)
  return { code, message: err.trim() }
}

async function incidents(): Promise<number> {
  return (await world.engine.query('SELECT 1 FROM runbook.incidents')).rowCount!
}

test.each([
  [
    ['trigger', 'stuck-rum'],
    2,
    /no runbook for incidents of type stuck-rum\. Did you mean stuck-run\? Known: .*queue-congestion/,
  ],
  [['trigger', 'approval-needed', '--input', 'who=me', '--input', 'for=soon'], 2, /for.*soon/],
  [['trigger', 'approval-needed', '--input', 'who=me', '--input', 'length=many'], 2, /length.*many/],
  [['trigger', 'approval-needed', '--input', 'who=me', '--input', 'length=0'], 2, /length/],
  [['trigger', 'approval-needed', '--input', 'who=me', '--input', 'lenght=3'], 2, /lenght/],
  [['trigger', 'approval-needed'], 2, /who/],
  [
    ['trigger', 'breaking', '--input', 'who=me'],
    2,
    /Not loaded because of errors \(see "runbook lint"\): .*broken\.yaml/,
  ],
  [['show', 'INC-4711'], 2, /INC-4711/],
])('%j is refused with a one-line message and opens no incident', async (argv, code, message) => {
  const before = await incidents()
  const refused = refusal(await world.runbook(argv))
  expect(refused.message).toMatch(message)
  expect(refused.code).toBe(code)
  expect(await incidents()).toBe(before)
})

test('lint reports position and error of a broken runbook, and other runbooks stay usable', async () => {
  const linted = await runProcess(['lint', 'own-runbooks/broken.yaml'])
  expect(linted.code).toBe(1)
  expect(linted.out).toContain(
    'own-runbooks/broken.yaml:16:11 error There is no "exsts" in queue. Did you mean "exists"?',
  )
  expect((await runProcess(['lint', 'own-runbooks/approval.yaml'])).code).toBe(0)
})

test('a wrong or missing token is refused as not authenticated', async () => {
  const refused = refusal(
    await world.runbook(['list'], {
      env: { RUNBOOK_URL: world.installation.env.RUNBOOK_URL!, RUNBOOK_TOKEN: 'wrong' },
    }),
  )
  expect(refused).toMatchObject({ code: 4, message: expect.stringContaining('token') })
  const { RUNBOOK_URL: url } = world.installation.env
  expect((await fetch(`${url}/v1/incidents`)).status).toBe(401)
})

test('when no API answers, the message contains the address and how to start the API', async () => {
  const { code, message } = refusal(await world.runbook(['list'], { env: { RUNBOOK_URL: 'http://127.0.0.1:9' } }))
  expect(code).toBe(1)
  expect(message).toContain('http://127.0.0.1:9 does not answer')
  expect(message).toContain('runbook up')
})

test('approving without a terminal needs the digest of the current proposal', async () => {
  const id = await trigger(world, 'approval-needed', { who: 'me' })
  const { gate } = await untilGate(world, id)
  const withoutDigest = refusal(await world.runbook(['approve', id]))
  expect(withoutDigest).toMatchObject({ code: 2, message: expect.stringContaining('--digest') })
  const otherDigest = refusal(await world.runbook(['approve', id, '--digest', '0123456789ab']))
  expect(otherDigest.code).toBe(1)
  expect(otherDigest.message).toContain(
    `${gate!.id} now has another proposal, with digest ${gate!.proposalDigest.slice(0, 12)}`,
  )
  expect(refusal(await world.runbook(['approve', id, '--digest', 'zz'])).code).toBe(2)

  // The API also refuses another digest, without the check in the command.
  const { RUNBOOK_URL: url, RUNBOOK_TOKEN: token } = world.installation.env
  const answer = await fetch(`${url}/v1/incidents/${id}/decision`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ gate: gate!.id, proposalDigest: '0'.repeat(64), decision: 'approve' }),
  })
  expect(answer.status).toBe(409)
  expect((await show(world, id)).rounds[0]!.gate).toMatchObject({ state: 'open', decisions: [] })

  const reject = ['reject', id, '--comment', 'only a test']
  expect(refusal(await world.runbook(reject)).code).toBe(2)
  expect((await world.runbook([...reject, '--digest', gate!.proposalDigest])).code).toBe(0)
})

// These commands run at the same time, because those that cannot connect to Temporal try for 15 s.
test.concurrent.each([
  ['worker', 'RUNBOOK_DATABASE_URL', 'postgres://nobody:pw-of-nobody@127.0.0.1:9/none', /127\.0\.0\.1:9/],
  ['serve', 'RUNBOOK_DATABASE_URL', 'postgres://nobody:pw-of-nobody@127.0.0.1:9/none', /127\.0\.0\.1:9/],
  ['worker', 'TEMPORAL_ADDRESS', '127.0.0.1:9', /Temporal at 127\.0\.0\.1:9/],
  ['serve', 'TEMPORAL_ADDRESS', '127.0.0.1:9', /Temporal at 127\.0\.0\.1:9/],
])(
  '"runbook %s" with %s=%s exits with a one-line message that does not contain the password',
  async (command, name, value, message) => {
    const { code, out, err } = await runProcess([command, ...(command === 'serve' ? ['--port', '0'] : [])], {
      [name]: value,
    })
    expect(err.trim()).toMatch(message)
    expect(err.trim().split('\n')).toHaveLength(1)
    expect(err).not.toContain('pw-of-nobody')
    expect(out).toBe('')
    expect([1, 2]).toContain(code)
  },
)

test('SIGTERM ends "runbook watch" in a pipe at once, and the incident stays open', async () => {
  const id = await trigger(world, 'approval-needed', { who: 'the watched' })
  await untilGate(world, id)
  const { code, out, err } = await runProcess(['watch', id], {}, (printed) => printed.includes('proposed'))
  expect(code).toBe(8)
  expect(out).toContain('proposed: Resume the queue')
  expect(err).toContain(`${id} continues`)
  expect((await show(world, id)).state).toBe('deciding')
})

/** Runs `bin/runbook.js` as a separate process. Sends SIGTERM as soon as `shouldStop` returns true for its stdout. */
async function runProcess(
  argv: string[],
  env: Record<string, string> = {},
  shouldStop: (printed: string) => boolean = () => false,
): Promise<CommandResult> {
  const child = spawn(process.execPath, [join(packageRoot(), 'bin/runbook.js'), ...argv], {
    cwd: world.installation.root,
    env: { ...process.env, RUNBOOK_BUILT: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), 60_000)
  let [out, err] = ['', '']
  child.stdout.on('data', (chunk) => {
    out += String(chunk)
    if (shouldStop(out)) child.kill('SIGTERM')
  })
  child.stderr.on('data', (chunk) => (err += String(chunk)))
  const code = await new Promise<number>((resolve) => child.on('close', (status) => resolve(status ?? -1)))
  clearTimeout(timer)
  return { code, out, err }
}
