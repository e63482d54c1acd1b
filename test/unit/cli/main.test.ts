import { describe, expect, test } from 'vitest'
import { main } from '../../../src/cli/main.ts'
import { fakeApi, sendProblem } from './fake-api.ts'
import { fakeTerminal } from './fake-terminal.ts'
import { atItsGate, resolved, roundAtGate } from './incident-views.ts'

const DIGEST = atItsGate().rounds[0]!.gate!.proposalDigest

const terminalFor = (url: string, other: Parameters<typeof fakeTerminal>[0] = {}) =>
  fakeTerminal({ env: { RUNBOOK_URL: url, RUNBOOK_TOKEN: 't' }, ...other })

const decided = (state: string, approvals: number, required: number) => () => ({
  gate: 'INC-142.r1',
  incident: 'INC-142',
  state,
  approvals,
  required,
})

const show = { 'GET /v1/incidents/INC-142': () => atItsGate() }

describe('usage', () => {
  test('--help prints the help to stdout', async () => {
    const terminal = fakeTerminal()
    expect(await main(['--help'], terminal)).toBe(0)
    expect(terminal.out).toContain('approve <incident>')
    expect(terminal.err).toBe('')
  })

  test('no arguments print the help too', async () => {
    const terminal = fakeTerminal()
    expect(await main([], terminal)).toBe(0)
    expect(terminal.out).toContain('Usage: runbook')
  })

  test('the help of every command has an example', async () => {
    for (const command of [
      'trigger',
      'list',
      'show',
      'watch',
      'review',
      'sign-in',
      'approve',
      'reject',
      'ack',
      'claim',
      'note',
      'follow-up',
      'feedback',
      'cancel',
      'withdraw',
      'sign',
      'done',
      'settle',
      'retry',
      'undo',
      'freeze',
      'unfreeze',
      'breaker',
      'audit',
      'lint',
      'versions',
      'explain',
      'schema',
    ]) {
      const terminal = fakeTerminal()
      expect(await main(['help', command], terminal), command).toBe(0)
      expect(terminal.out).toContain(`  runbook ${command}`)
    }
  })

  test.each([
    [['aprove', '142'], '(Did you mean approve?)'],
    [['show'], "missing required argument 'incident'"],
    [['show', 'abc'], 'Write it as INC-142 or 142'],
    [['trigger', 'stuck-run', '--input', 'foo'], 'Write it as name=value'],
    [['list', '-o', 'xml'], 'Allowed choices are table, json'],
    [['list', '--limit', 'many'], 'a number from 1 to 500'],
  ])('%j is a usage error', async (argv, message) => {
    const terminal = fakeTerminal()
    expect(await main(argv, terminal)).toBe(2)
    expect(terminal.err).toContain(message)
    expect(terminal.out).toBe('')
  })

  test('a missing token is reported', async () => {
    const { url } = await fakeApi({
      'GET /v1/incidents/INC-1': (_, response) =>
        sendProblem(response, 401, 'RUNBOOK_NOT_AUTHENTICATED', 'no token was given: set RUNBOOK_TOKEN to yours'),
    })
    const terminal = terminalFor(url)
    expect(await main(['show', '1'], terminal)).toBe(4)
    expect(terminal.err).toBe(
      `error: no token was given: set RUNBOOK_TOKEN to yours, in the environment or in .runbook/env (the API is at ${url})\n`,
    )
  })
})

describe('trigger', () => {
  const accepted = { incident: 'INC-142', created: true, occurrences: 1 }

  test('prints only the incident to stdout', async () => {
    const { url, asked } = await fakeApi({ 'POST /v1/incidents': () => accepted })
    const terminal = terminalFor(url)
    expect(await main(['trigger', 'stuck-run', '-i', 'threshold=5s', '--input', 'run=a=b'], terminal)).toBe(0)
    expect(terminal.out).toBe('INC-142\n')
    expect(asked[0]!.body).toEqual({ type: 'stuck-run', inputs: { threshold: '5s', run: 'a=b' } })
  })

  test('prints the documented JSON, with -o before or after the command', async () => {
    const { url } = await fakeApi({ 'POST /v1/incidents': () => accepted })
    for (const argv of [
      ['-o', 'json', 'trigger', 'stuck-run'],
      ['trigger', 'stuck-run', '-o', 'json'],
    ]) {
      const terminal = terminalFor(url)
      expect(await main(argv, terminal)).toBe(0)
      expect(terminal.out).toBe('{"incident":"INC-142","created":true,"occurrences":1}\n')
    }
  })

  test('with --watch it exits with the code of the outcome', async () => {
    const closed = {
      seq: 2,
      at: '2026-03-14T03:10:42.000Z',
      actor: 'engine',
      kind: 'closed',
      place: 'closed',
      text: 'closed: declined: no',
      data: { outcome: 'declined' },
    }
    const { url } = await fakeApi({
      'POST /v1/incidents': () => accepted,
      'GET /v1/incidents/INC-142/events': (_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        const opened = { ...closed, seq: 1, at: '2026-03-14T03:10:37.500Z', kind: 'opened', text: 'operator opened it' }
        response.end([opened, closed].map((one) => `id: ${one.seq}\ndata: ${JSON.stringify(one)}\n\n`).join(''))
      },
    })
    const terminal = terminalFor(url)
    expect(await main(['trigger', 'stuck-run', '--watch'], terminal)).toBe(6)
    expect(terminal.out).toBe('03:10:37Z +0ms     operator opened it\n03:10:42Z +4.5s    closed: declined: no\n')
  })
})

describe('approve', () => {
  test('without a terminal the digest is required, and nothing is decided', async () => {
    const { url, asked } = await fakeApi(show)
    const terminal = terminalFor(url)
    expect(await main(['approve', '142'], terminal)).toBe(2)
    expect(terminal.err).toContain('--digest is required, because there is no terminal')
    expect(asked.map(({ body }) => body)).toEqual([undefined])
  })

  test('the first digits of the digest approve exactly that proposal', async () => {
    const { url, asked } = await fakeApi({ ...show, 'POST /v1/incidents/INC-142/decision': decided('approved', 1, 1) })
    const terminal = terminalFor(url)
    const argv = ['approve', '142', '--digest', DIGEST.slice(0, 12), '--targets', 'run-7', '--comment', 'as last week']
    expect(await main(argv, terminal)).toBe(0)
    expect(asked[1]!.body).toEqual({
      gate: 'INC-142.r1',
      proposalDigest: DIGEST,
      decision: 'approve',
      targets: ['run-7'],
      comment: 'as last week',
    })
  })

  test.each([
    ['0'.repeat(64), 1, 'now has another proposal'],
    [DIGEST.slice(0, 11), 2, 'is not a digest'],
    ['', 2, 'is not a digest'],
  ])('the digest %j decides nothing', async (digest, code, message) => {
    const { url, asked } = await fakeApi(show)
    const terminal = terminalFor(url)
    expect(await main(['approve', '142', '--digest', digest], terminal)).toBe(code)
    expect(terminal.err).toContain(message)
    expect(asked.filter(({ method }) => method === 'POST')).toEqual([])
  })

  test('an approval below the quorum exits with 8', async () => {
    const { url } = await fakeApi({ ...show, 'POST /v1/incidents/INC-142/decision': decided('open', 1, 2) })
    const terminal = terminalFor(url)
    expect(await main(['approve', '142', '--digest', DIGEST], terminal)).toBe(8)
    expect(terminal.err).toContain('your approval is stored (1 of 2); 1 more needed')
  })

  test('in a terminal it shows every statement and target, and asks', async () => {
    const { url, asked } = await fakeApi({ ...show, 'POST /v1/incidents/INC-142/decision': decided('approved', 1, 1) })
    const terminal = terminalFor(url, { interactive: true, answers: ['y'] })
    expect(await main(['approve', '142'], terminal)).toBe(0)
    for (const run of ['run-7', 'run-8', 'run-9']) expect(terminal.err).toContain(run)
    expect(terminal.err).toContain(DIGEST)
    expect(terminal.asked[0]).toContain('Approve 3 targets (run-7, run-8, run-9) [y/N]')
    expect(asked[1]!.body).toMatchObject({ proposalDigest: DIGEST })
  })

  test.each(['', 'n', 'yo', null])('the answer %j decides nothing', async (answer) => {
    const { url, asked } = await fakeApi(show)
    const terminal = terminalFor(url, { interactive: true, answers: [answer] })
    expect(await main(['approve', '142'], terminal)).toBe(1)
    expect(terminal.err).toContain('nothing was decided')
    expect(asked).toHaveLength(1)
  })

  test('of a proposal whose time is over it says so, asks nothing and decides nothing', async () => {
    const why = 'the time to decide is over; a worker will record it'
    const view = atItsGate({ rounds: [roundAtGate(['run-7'], { state: 'overdue', why })] })
    const { url, asked } = await fakeApi({ 'GET /v1/incidents/INC-142': () => view })
    const terminal = terminalFor(url, { interactive: true })
    expect(await main(['approve', '142'], terminal)).toBe(1)
    expect(terminal.err).toBe(`error: INC-142.r1 cannot be decided: ${why}. See "runbook show INC-142".\n`)
    expect(asked).toHaveLength(1)
    expect(await main(['show', '142'], terminal)).toBe(0)
    expect(terminal.out).toContain(`overdue: ${why}`)
    expect(terminal.out).not.toContain('runbook approve')
  })

  test('without an open proposal it reports the state of the incident', async () => {
    const { url } = await fakeApi({ 'GET /v1/incidents/INC-142': () => resolved() })
    const terminal = terminalFor(url)
    expect(await main(['approve', '142', '--digest', DIGEST], terminal)).toBe(1)
    expect(terminal.err).toBe(
      'error: INC-142 has no open proposal: the incident is closed: resolved. See "runbook show INC-142".\n',
    )
  })
})

test('reject sends the proposal and the reason; without a terminal the digest is required', async () => {
  const { url, asked } = await fakeApi({ ...show, 'POST /v1/incidents/INC-142/decision': decided('rejected', 0, 1) })
  const terminal = terminalFor(url)
  const argv = ['reject', '142', '--next-cause', '-c', 'not this one']
  expect(await main(argv, terminal)).toBe(2)
  expect(await main([...argv, '--digest', DIGEST.slice(0, 12)], terminal)).toBe(0)
  expect(asked[2]!.body).toEqual({
    gate: 'INC-142.r1',
    proposalDigest: DIGEST,
    decision: 'reject',
    nextCause: true,
    comment: 'not this one',
  })
})

test('cancel sends the reason, and asks first in a terminal', async () => {
  const { url, asked } = await fakeApi({ ...show, 'POST /v1/incidents/INC-142/cancel': () => atItsGate() })
  const no = terminalFor(url, { interactive: true, answers: ['n'] })
  expect(await main(['cancel', '142'], no)).toBe(1)
  expect(no.err).toContain('nothing was cancelled')
  expect(asked).toHaveLength(1)
  expect(await main(['cancel', '142', '--comment', 'a drill'], terminalFor(url))).toBe(0)
  expect(asked[1]!.body).toEqual({ comment: 'a drill' })
})

test('joining an incident with other inputs prints its inputs', async () => {
  const joined = { incident: 'INC-7', created: false, occurrences: 2, inputs: { since: '10m' } }
  const { url } = await fakeApi({ 'POST /v1/incidents': () => joined })
  const terminal = terminalFor(url)
  expect(await main(['trigger', 'task-failure', '--input', 'since=5m'], terminal)).toBe(0)
  expect(terminal.err).toContain(
    'joined INC-7, which is already open with the same key (triggered 2 times); it keeps its own inputs: since=10m',
  )
})

test('a note is read from the command line or from stdin', async () => {
  const { url, asked } = await fakeApi({ 'POST /v1/incidents/INC-142/notes': () => atItsGate() })
  expect(await main(['note', '142', 'the', 'deploy'], terminalFor(url))).toBe(0)
  expect(await main(['note', '142', '-'], terminalFor(url, { stdin: 'two\nlines\n' }))).toBe(0)
  expect(asked.map(({ body }) => body)).toEqual([{ text: 'the deploy' }, { text: 'two\nlines\n' }])
})

test('follow-ups are added, listed and closed, and a date that does not exist is refused', async () => {
  const followUp = {
    ...{ incident: 'INC-142', number: 1, text: 'raise the lock duration', owner: 'platform', due: '2026-03-31' },
    ...{ addedBy: 'operator', addedAt: '2026-03-14T03:10:37.000Z', closedBy: null, closedAt: null, result: null },
  }
  const { url, asked } = await fakeApi({
    'POST /v1/incidents/INC-142/follow-ups': () => followUp,
    'POST /v1/incidents/INC-142/follow-ups/1/close': () => ({ ...followUp, closedBy: 'operator', result: 'done' }),
    'GET /v1/follow-ups': () => ({ followUps: [followUp] }),
    'GET /v1/incidents/INC-142/follow-ups': () => ({ followUps: [] }),
  })
  const run = async (...argv: string[]) => {
    const terminal = terminalFor(url)
    return { code: await main(['follow-up', ...argv], terminal), ...terminal }
  }
  const add = ['add', '142', 'raise', 'the lock duration', '--owner', 'platform']
  expect((await run(...add, '--due', '2026-03-31')).err).toContain('follow-up 1 of INC-142 is open, for platform')
  expect((await run('list')).out).toMatch(/INC-142 +1 +open +platform +2026-03-31 +raise the lock duration/)
  expect((await run('list', '142')).err).toContain('no follow-ups')
  expect((await run('close', '142', '1', '--result', 'raised to 60 s')).code).toBe(0)
  expect((await run(...add, '--due', '2026-02-30')).err).toContain('Write a date such as 2026-03-31.')
  expect(asked.filter(({ method }) => method === 'POST').map(({ body }) => body)).toEqual([
    { text: 'raise the lock duration', owner: 'platform', due: '2026-03-31' },
    { result: 'raised to 60 s' },
  ])
})

test('feedback is sent with its comment, and another word than yes, partly or no is refused', async () => {
  const { url, asked } = await fakeApi({ 'POST /v1/incidents/INC-142/feedback': () => ({ feedback: [] }) })
  expect(await main(['feedback', '142', 'partly', '--comment', 'late'], terminalFor(url))).toBe(0)
  expect(await main(['feedback', '142', 'maybe'], terminalFor(url))).not.toBe(0)
  expect(asked.map(({ body }) => body)).toEqual([{ helped: 'partly', comment: 'late' }])
})

test('list prints a table, or to stderr that there are no incidents', async () => {
  const { url } = await fakeApi({
    'GET /v1/incidents?limit=20': () => ({ incidents: [atItsGate()], next: null }),
    'GET /v1/incidents?limit=20&state=closed': () => ({ incidents: [], next: null }),
  })
  const terminal = terminalFor(url)
  expect(await main(['list'], terminal)).toBe(0)
  expect(terminal.out).toMatch(
    /^ID +TYPE +STATE +AGE +SEEN BY +KEY\nINC-142 +stuck-run +deciding +\S+.* - +stuck-run\/\n$/,
  )
  const none = terminalFor(url)
  expect(await main(['list', '--state', 'closed'], none)).toBe(0)
  expect([none.out, none.err]).toEqual(['', 'no incidents\n'])
})

test('list and show say on stderr that the API keeps older files because of an error', async () => {
  const files = { loadedAt: '2026-03-14T03:12:00.000Z', problems: ['runbooks/a.yaml:3:5: unknown field'], restart: [] }
  const { url } = await fakeApi({
    'GET /v1/incidents?limit=20': () => ({ incidents: [atItsGate()], next: null, files }),
    'GET /v1/incidents/INC-142': () => ({ ...atItsGate(), runbookNow: 'same', files }),
  })
  for (const argv of [['list'], ['show', '142']]) {
    const terminal = terminalFor(url)
    expect(await main(argv, terminal)).toBe(0)
    expect(terminal.err).toContain('because of an error: runbooks/a.yaml:3:5: unknown field')
  }
})

test('explain knows kinds, sections and rules, and lists them', async () => {
  for (const [name, words] of [
    ['sql.update', 'Updates rows of one table'],
    ['remedy', 'What to do about a cause'],
    ['unused-remedy', 'A remedy that no cause names'],
  ] as const) {
    const terminal = fakeTerminal()
    expect(await main(['explain', name], terminal)).toBe(0)
    expect(terminal.out).toContain(words)
    const all = fakeTerminal()
    await main(['explain'], all)
    expect(all.out).toContain(name)
  }
  const terminal = fakeTerminal()
  expect(await main(['explain', 'sql.updat'], terminal)).toBe(2)
  expect(terminal.err).toContain('Did you mean "sql.update"?')
})
