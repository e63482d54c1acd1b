import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { BODY_NOT_KEPT } from '../../activities/limit-result.ts'
import { previewAction } from '../../activities/preview-action.ts'
import { resolveSecret } from '../../src/config/secret.ts'
import type { Effect } from '../../src/core/effect.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { executeEffect } from '../../src/effects/execute.ts'
import { engineId } from '../../src/history/engine-id.ts'
import { recordDone } from '../../src/effects/record-done.ts'
import type { EffectDeps } from '../../src/effects/request.ts'
import type { Targets } from '../../src/targets/targets.ts'
import {
  addRun,
  createEffectsWorld,
  denying,
  depsFor,
  DIGEST,
  openTestGate,
  permits,
  postgresTarget,
  readRun,
  requestFor,
  type EffectsWorld,
} from '../support/effects-world.ts'

let world: EffectsWorld
let dir: string
let service: Server
let received: { method: string; url: string; key: string | undefined; body: string }[]
let respond: (response: ServerResponse, request: IncomingMessage) => void

beforeAll(async () => {
  world = await createEffectsWorld(inject('stack').postgresUrl)
  service = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      received.push({
        method: request.method!,
        url: request.url!,
        key: request.headers['idempotency-key'] as string,
        body,
      })
      respond(response, request)
    })
  })
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve))
})

afterAll(async () => {
  service?.closeAllConnections()
  service?.close()
  await world?.close()
})

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'effects-'))
  received = []
  respond = (response) => response.end('{"ok":true}')
})

afterEach(() => rm(dir, { recursive: true }))

/** Commands that add one line to the file `ran` each time they run. */
function targets(port = (service.address() as AddressInfo).port): Partial<Targets> {
  const script = (after: string) => [
    process.execPath,
    '-e',
    `require('fs').appendFileSync('ran', process.argv.slice(1).join(' ') + '\\n');${after}`,
  ]
  return {
    process: async () => ({
      connection: 'ctl',
      cwd: dir,
      environment: { PATH: process.env['PATH'] ?? '' },
      commands: {
        restart: script(`console.log('restarted')`),
        fails: script(`console.error('no such worker');process.exit(3)`),
        hangs: script(`setTimeout(() => {}, 60000)`),
        scale: [...script(''), '{replicas:int}'],
        missing: ['/nowhere/at/all'],
      },
    }),
    http: async () => ({
      connection: 'ml',
      address: `127.0.0.1:${port}`,
      baseUrl: new URL(`http://127.0.0.1:${port}/api`),
      addresses: [{ address: '127.0.0.1', family: 4 }],
      headers: { authorization: 'Bearer secret' },
      redact: [],
    }),
  }
}

async function ran(): Promise<string[]> {
  const text = await readFile(join(dir, 'ran'), 'utf8').catch(() => '')
  return text.split('\n').slice(0, -1)
}

async function applied(
  kind: string,
  parameters: JsonObject,
  more: {
    gate?: string
    deps?: Partial<EffectDeps>
    timeoutMs?: number
    via?: Partial<Targets>
    approvedVia?: Partial<Targets>
  } = {},
): Promise<Effect> {
  const via = more.via ?? targets()
  const request = requestFor(more.gate ?? (await openTestGate(world)), kind, parameters, '-')
  const context = { targets: (more.approvedVia ?? via) as Targets, signal: new AbortController().signal }
  request.action.preview = await previewAction(kind, parameters, context)
  const deps = { ...depsFor(world, via, permits().takePermit), ...more.deps }
  const answer = await executeEffect({ ...request, timeoutMs: more.timeoutMs ?? request.timeoutMs }, deps)
  if (!('effect' in answer)) throw new Error(JSON.stringify(answer))
  return answer.effect
}

/** The gate of an attempt that recorded its intent and then crashed. */
async function begun(kind: string): Promise<string> {
  const gate = await openTestGate(world)
  await world.engine.query('INSERT INTO runbook.intents (gate, action, target) VALUES ($1, $2, $3)', [
    gate,
    `0-${kind}`,
    '-',
  ])
  return gate
}

describe('process.run', () => {
  const restart = { connection: 'ctl', command: 'restart' }

  test('runs a configured command once', async () => {
    const gate = await openTestGate(world)
    const effect = await applied('process.run', restart, { gate })
    expect(effect).toMatchObject({ result: 'applied', observed: { exitCode: 0, output: 'restarted' } })
    expect(await applied('process.run', restart, { gate })).toEqual(effect)
    expect(await ran()).toHaveLength(1)
  })

  test('is refused when the command exits with an error', async () => {
    expect(await applied('process.run', { connection: 'ctl', command: 'fails' })).toMatchObject({
      result: 'refused',
      detail: expect.stringMatching(/exited with 3.*no such worker/s),
      observed: { exitCode: 3 },
    })
  })

  test('is unknown when the command was stopped at its timeout', async () => {
    const effect = await applied('process.run', { connection: 'ctl', command: 'hangs' }, { timeoutMs: 1_000 })
    expect(effect).toMatchObject({
      result: 'unknown',
      detail: expect.stringContaining('timed out and was stopped after'),
    })
    expect(await ran()).toHaveLength(1)
  })

  test.each([
    ['a signal ended it', `process.kill(process.pid, 'SIGKILL')`, 'unknown', 'was stopped by SIGKILL'],
    ['its exit code is that of a killed container', 'process.exit(137)', 'unknown', 'exited with 137'],
    ['its exit code is that of a time limit', 'process.exit(124)', 'unknown', 'exited with 124'],
    ['a shell could not start its program', 'process.exit(127)', 'refused', 'exited with 127'],
  ])('when %s, the result says so', async (_, script, result, detail) => {
    const via = {
      ...targets(),
      process: async () => ({
        connection: 'ctl',
        cwd: dir,
        environment: {},
        commands: { ends: [process.execPath, '-e', `console.error('half done');${script}`] },
      }),
    }
    const effect = await applied('process.run', { connection: 'ctl', command: 'ends' }, { via })
    expect(effect).toMatchObject({ result, detail: expect.stringContaining(detail) })
    expect(effect.detail).toContain('half done')
  })

  test.each([
    ['a command that is not configured', { command: 'rm -rf' }],
    ['a program that does not exist', { command: 'missing' }],
    ['a value without a placeholder', { command: 'restart', values: { flag: '--force' } }],
    ['an option in place of a number', { command: 'scale', values: { replicas: '--all' } }],
    ['a shell in place of a number', { command: 'scale', values: { replicas: '4; touch owned' } }],
  ])('is refused for %s, and nothing runs', async (_, parameters) => {
    expect(await applied('process.run', { connection: 'ctl', ...parameters })).toMatchObject({ result: 'refused' })
    expect(await ran()).toEqual([])
  })

  test('is unknown, and not run again, when the end of an earlier attempt was not seen', async () => {
    const { takePermit, requests } = permits()
    const effect = await applied('process.run', restart, { gate: await begun('process.run'), deps: { takePermit } })
    expect(effect).toMatchObject({ result: 'unknown' })
    expect(await ran()).toEqual([])
    expect(requests).toEqual([])
  })

  test('is run again after an unfinished attempt if the runbook declares it as idempotent', async () => {
    const effect = await applied('process.run', { ...restart, idempotent: true }, { gate: await begun('process.run') })
    expect(effect).toMatchObject({ result: 'applied' })
    expect(await ran()).toHaveLength(1)
  })

  test('is unknown after an unfinished attempt if the next attempt is refused', async () => {
    const again = { ...restart, idempotent: true }
    const approvedVia = { process: async () => Promise.reject(new Error('away')) }
    for (const more of [{ deps: { takePermit: denying('breaker') } }, { approvedVia }])
      expect(await applied('process.run', again, { gate: await begun('process.run'), ...more })).toMatchObject({
        result: 'unknown',
        detail: expect.stringContaining('its outcome is unknown; the next attempt was refused: '),
      })
    expect(await ran()).toEqual([])
  })

  test('is not run without a permit, nor by an attempt with an older permit after a refusal', async () => {
    const gate = await openTestGate(world)
    let refused: Effect | undefined
    const { takePermit } = permits({
      before: async () =>
        void (refused = await applied('process.run', restart, { gate, deps: { takePermit: denying('breaker') } })),
    })
    expect(await applied('process.run', restart, { gate, deps: { takePermit } })).toEqual(refused)
    expect(refused).toMatchObject({ result: 'refused', detail: expect.stringContaining('breaker') })
    expect(await ran()).toEqual([])
  })

  test('is not run by a worker that was suspended after its permit, although its clock was set back', async () => {
    const steady = process.hrtime.bigint
    const { takePermit: take } = permits()
    const takePermit: typeof take = async (request) => {
      const answer = await take(request)
      vi.spyOn(process.hrtime, 'bigint').mockImplementation(() => steady() + 6_000_000_000n)
      return answer
    }
    const effect = await applied('process.run', restart, { deps: { takePermit } }).finally(() => vi.restoreAllMocks())
    expect(effect).toMatchObject({ result: 'refused', detail: expect.stringContaining('was delayed for too long') })
    expect(await ran()).toEqual([])
  })

  test('is refused if the configured command changed after the approval, and nothing runs', async () => {
    const { process: changed } = targets()
    const other = (argv: string[]) => ({
      process: async () => ({ ...(await changed!('ctl')), commands: { restart: argv } }),
    })
    const [gate, same] = [await openTestGate(world), await openTestGate(world)]
    const approvedVia = other(['/bin/echo', 'approved'])
    expect(await applied('process.run', restart, { gate, approvedVia })).toMatchObject({
      result: 'refused',
      detail: expect.stringMatching(/^the configured command changed after the approval: .*"approved"/),
    })
    expect(await applied('process.run', restart, { gate: same, approvedVia, via: approvedVia })).toMatchObject({
      result: 'applied',
    })
    expect(await ran()).toEqual([])
  })

  test('runs with a secret in its argv, which the gate shows as ***', async () => {
    const secret = resolveSecret('${GIVEN}', 'connection ctl (header A)', { GIVEN: 'canary-of-an-argv' }).reveal()
    const commands = { restart: [process.execPath, '-e', '', secret] }
    const via = { process: async () => ({ connection: 'ctl', cwd: dir, environment: {}, commands }) }
    const context = { targets: via as Partial<Targets> as Targets, signal: new AbortController().signal }
    expect((await previewAction('process.run', restart, context)).rows?.[0]?.after.argv).toContain('***')
    expect(await applied('process.run', restart, { via })).toMatchObject({ result: 'applied' })
  })

  test('is refused if the gate could not show the command line', async () => {
    const away = { process: async () => Promise.reject(new Error('away')) }
    const context = { targets: away as Partial<Targets> as Targets, signal: new AbortController().signal }
    expect(await previewAction('process.run', restart, context)).toMatchObject({
      summary: 'run restart of ctl',
      warning: 'the action would be refused now: away',
    })
    expect(await applied('process.run', restart, { approvedVia: away })).toMatchObject({
      result: 'refused',
      detail: 'the preview did not show the command line of restart of ctl, so nobody approved it',
    })
    expect(await ran()).toEqual([])
  })

  test('keeps the output of a command, with unstorable characters replaced', async () => {
    const unstorable = {
      ...targets(),
      process: async () => ({
        connection: 'ctl',
        cwd: dir,
        environment: {},
        commands: { binary: [process.execPath, '-e', `process.stdout.write('a\\0b\\ud800')`] },
      }),
    }
    const effect = await applied('process.run', { connection: 'ctl', command: 'binary' }, { via: unstorable })
    expect(effect).toMatchObject({ result: 'applied', observed: { output: expect.stringMatching(/^a\uFFFDb/) } })
  })
})

describe('workers.scale', () => {
  test('sets the absolute number, and sets it again after a crash', async () => {
    const gate = await begun('workers.scale')
    const effect = await applied('workers.scale', { connection: 'ctl', replicas: 4, max: 8 }, { gate })
    expect(effect).toMatchObject({ result: 'applied', observed: { replicas: 4, exitCode: 0 } })
    expect(await ran()).toEqual(['4'])
  })

  test('is refused if the configured command changed after the approval, and nothing runs', async () => {
    const parameters = { connection: 'ctl', replicas: 4, max: 8 }
    const approvedVia = {
      process: async () => ({
        connection: 'ctl',
        cwd: dir,
        environment: {},
        commands: { scale: ['echo', '{replicas:int}'] },
      }),
    }
    expect(await applied('workers.scale', parameters, { approvedVia })).toMatchObject({
      result: 'refused',
      detail: expect.stringContaining('the configured command changed after the approval'),
    })
    expect(await ran()).toEqual([])
  })

  test.each([9, -1, 2.5, '4'])('is refused for %j workers, and nothing runs', async (replicas) => {
    expect(await applied('workers.scale', { connection: 'ctl', replicas, max: 8 })).toMatchObject({ result: 'refused' })
    expect(await ran()).toEqual([])
  })
})

describe('http.request', () => {
  const call = {
    connection: 'ml',
    method: 'POST',
    path: '/models/{model}/reload',
    values: { model: 'a/..b?x=1#y' },
    query: { q: 'a&b' },
    body: { why: 'stuck' },
  }

  test('sends one request with the effect key as its idempotency key and with encoded values', async () => {
    const gate = await openTestGate(world)
    expect(await applied('http.request', call, { gate })).toMatchObject({
      result: 'applied',
      observed: { status: 200, body: '{"ok":true}' },
    })
    expect(received).toEqual([
      {
        method: 'POST',
        url: '/api/models/a%2F..b%3Fx%3D1%23y/reload?q=a%26b',
        key: `${await engineId(world.engine)}/${gate}/0-http.request/-/${DIGEST.slice(0, 16)}`,
        body: '{"why":"stuck"}',
      },
    ])
    await applied('http.request', call, { gate })
    expect(received).toHaveLength(1)
  })

  test('sends the key of a target with any characters as percent-encoded UTF-8', async () => {
    const gate = await openTestGate(world)
    const request = requestFor(gate, 'http.request', call, 'Zürich/東京 50%\n')
    const answer = await executeEffect(request, depsFor(world, targets(), permits().takePermit))
    expect(answer).toMatchObject({ effect: { result: 'applied' } })
    const engine = await engineId(world.engine)
    expect(received.map(({ key }) => key)).toEqual([
      `${engine}/${gate}/0-http.request/Z%C3%BCrich/%E6%9D%B1%E4%BA%AC%2050%25%0A/${DIGEST.slice(0, 16)}`,
    ])
  })

  test('is carried out by a service that remembers keys, although a restored database gave the number of its incident again', async () => {
    const seen = new Set<string>()
    let carriedOut = 0
    respond = (response, request) => {
      const key = String(request.headers['idempotency-key'])
      if (!seen.has(key)) carriedOut += 1
      seen.add(key)
      response.end('{"ok":true}')
    }
    const gate = await openTestGate(world)
    const deps = depsFor(world, targets(), permits().takePermit)
    const request = requestFor(gate, 'http.request', call, '-')
    await executeEffect(request, deps)
    // The restore loses these rows. The chain of events is not read here.
    for (const table of ['effects', 'intents']) {
      await world.engineOwner.query(`ALTER TABLE runbook.${table} DISABLE TRIGGER ALL`).catch(() => {})
      await world.engineOwner.query(`DELETE FROM runbook.${table} WHERE gate = $1`, [gate])
    }
    await executeEffect({ ...request, proposalDigest: 'f'.repeat(64) }, deps)
    expect([carriedOut, received.length]).toEqual([2, 2])
  })

  test.each([
    [404, 'refused'],
    [302, 'unknown'],
    [500, 'unknown'],
    [503, 'unknown'],
  ])('with the response status %i is %s', async (status, result) => {
    respond = (response) => response.writeHead(status, { location: 'http://127.0.0.1:1/' }).end()
    expect(await applied('http.request', call)).toMatchObject({ result, observed: { status } })
    expect(received).toHaveLength(1)
  })

  test.each([
    [
      'application/json',
      '{"ok":true,"who":[{"Email":"ada@example.org"}]}',
      '{"ok":true,"who":[{"Email":"[redacted]"}]}',
    ],
    ['text/plain', '{"email":"ada@example.org"}', '{"email":"[redacted]"}'],
    ['text/plain', 'email: ada@example.org', BODY_NOT_KEPT],
    ['application/json', `{"email":"ada@example.org","more":"${'x'.repeat(70_000)}"}`, BODY_NOT_KEPT],
    ['application/json', `${'['.repeat(30_000)}"ada@example.org"${']'.repeat(30_000)}`, BODY_NOT_KEPT],
    ['text/plain', '', ''],
  ])('with a %s response keeps no field that the connection redacts', async (type, text, body) => {
    respond = (response) => response.writeHead(200, { 'content-type': type }).end(text)
    const redacting = { http: async () => ({ ...(await targets().http!('ml')), redact: ['email'] }) }
    expect(await applied('http.request', call, { via: redacting })).toMatchObject({
      result: 'applied',
      observed: { status: 200, body },
    })
  })

  test('hides a secret at the end of a truncated response completely', async () => {
    resolveSecret('${STORE}', 'connection store (header)', { STORE: 'the-key-of-the-store' })
    respond = (response) => response.end(`${'x'.repeat(1_490)}the-key-of-the-store`)
    const effect = await applied('http.request', call)
    expect(effect.observed!.body).toBe(`${'x'.repeat(1_490)}***`)
  })

  test('is unknown when the connection breaks before the answer', async () => {
    respond = (_, request) => request.socket.destroy()
    expect(await applied('http.request', call)).toMatchObject({
      result: 'unknown',
      detail: expect.stringContaining('may have been carried out'),
    })
  })

  test('is unknown when no answer comes in time', async () => {
    respond = () => {}
    expect(await applied('http.request', call, { timeoutMs: 300 })).toMatchObject({ result: 'unknown' })
  })

  test('is tried again when no server listens at the address, before a permit is requested', async () => {
    const { rows } = await world.engine.query('SELECT FROM runbook.intents')
    await expect(applied('http.request', call, { via: targets(1) })).rejects.toMatchObject({
      code: 'RUNBOOK_UNREACHABLE',
      detail: { down: true },
    })
    expect((await world.engine.query('SELECT FROM runbook.intents')).rows).toHaveLength(rows.length)
  })

  test.each([
    [{ model: '..' }],
    [{ model: 'a/../b' }],
    [{ model: '' }],
    [{}],
    [{ model: 'm', other: 'o' }],
    [{ model: null }],
    [{ model: ['m'] }],
  ])('is refused with the values %j, and nothing is sent', async (values) => {
    expect(await applied('http.request', { ...call, values: values as JsonObject })).toMatchObject({
      result: 'refused',
    })
    expect(received).toEqual([])
  })

  test('is unknown, and not sent again, after an unfinished attempt', async () => {
    expect(await applied('http.request', call, { gate: await begun('http.request') })).toMatchObject({
      result: 'unknown',
    })
    expect(received).toEqual([])
  })
})

describe('notify', () => {
  test('needs no permit, and a channel that does not answer does not stop the remedy', async () => {
    const message = { channel: 'platform-support', message: 'hello' }
    expect(await applied('notify', message, { deps: { takePermit: denying('breaker') } })).toMatchObject({
      result: 'applied',
      detail: 'notified platform-support',
    })
    let tries = 0
    const notify = async () => {
      tries += 1
      throw new Error('no answer')
    }
    expect(await applied('notify', message, { deps: { notify }, timeoutMs: 2_250 })).toMatchObject({
      result: 'skipped',
      detail: 'not delivered: no answer',
    })
    // Pauses of 0.5 and 1 s, give or take a quarter, fit; a third one, of 2 s, does not.
    expect(tries).toBe(3)
  })
})

describe('manual', () => {
  test('waits until a person reports that it is done, and the first answer wins', async () => {
    const gate = await openTestGate(world)
    const request = requestFor(gate, 'manual', { instructions: 'Roll back' }, '-')
    const deps = depsFor(world, targets(), permits().takePermit)
    expect(await executeEffect(request, deps)).toEqual({ waiting: true, message: 'Roll back' })

    const place = { gate, action: '0-manual', target: '-' }
    const done = await recordDone(world.engine, place, { person: 'ada', done: true, form: { version: '7' } })
    expect(done).toEqual({
      ...place,
      result: 'applied',
      detail: 'ada reported it as done',
      observed: { person: 'ada', form: { version: '7' } },
    })
    expect(await recordDone(world.engine, place, { person: 'bob', done: false })).toEqual(done)
    expect(await executeEffect(request, deps)).toEqual({ effect: done })
  })
})

describe('the preview', () => {
  const context = () => ({
    targets: { ...targets(), ...postgresTarget(world.owner) } as Targets,
    signal: new AbortController().signal,
  })

  test('of an update shows the rows before and after, the statement and its undo, and changes nothing', async () => {
    const updatedAt = await addRun(world, `o'1`)
    const preview = await previewAction(
      'sql.update',
      {
        connection: 'db',
        table: 'runs',
        where: { id: `o'1`, status: 'RUNNING', updated_at: updatedAt, failure_reason: null },
        set: { status: 'FAILED' },
      },
      context(),
    )
    expect(preview).toMatchObject({
      summary: `UPDATE runs SET status = 'FAILED' WHERE id = 'o''1' AND status = 'RUNNING' AND updated_at = '${updatedAt}' AND failure_reason IS NULL`,
      rows: [{ before: { id: `o'1`, status: 'RUNNING' }, after: { id: `o'1`, status: 'FAILED' } }],
      count: 1,
      undo: `UPDATE runs SET status = 'RUNNING' WHERE id = 'o''1' AND status = 'FAILED' AND updated_at = '${updatedAt}' AND failure_reason IS NULL`,
    })
    expect(preview.warning).toBeUndefined()
    expect((await readRun(world, `o'1`))?.changes).toBe(0)
  })

  test('of an update that matches no row reports it', async () => {
    const preview = await previewAction(
      'sql.update',
      { connection: 'db', table: 'runs', where: { id: 'nobody' }, set: { status: 'FAILED' } },
      context(),
    )
    expect(preview).toMatchObject({
      count: 0,
      rows: [],
      warning: '0 rows match now, but the write must change exactly 1: the action would be refused now',
    })
  })

  test('hides redacted columns', async () => {
    await addRun(world, 'hidden')
    const { postgres } = postgresTarget(world.owner)
    const redacting = {
      ...context().targets,
      postgres: async () => ({ ...(await postgres('db', 'read')), redact: ['status'] }),
    } as Targets
    const preview = await previewAction(
      'sql.update',
      { connection: 'db', table: 'runs', where: { id: 'hidden' }, set: { status: 'FAILED' } },
      { ...context(), targets: redacting },
    )
    expect(JSON.stringify([preview.rows, preview.undo?.split('WHERE')[0]])).not.toContain('RUNNING')
  })

  test.each([
    ['a secret of this process', 'failed with the-key-of-the-store'],
    ['a password in an address', 'failed at postgres://svc:hunter2hunter2@db/app'],
    ['a truncated text', 'x'.repeat(70_000)],
  ])('of an update of a column with %s does not show it, and offers no undo', async (_, reason) => {
    resolveSecret('${STORE}', 'connection store (header)', { STORE: 'the-key-of-the-store' })
    const id = `quotes-${reason.length}`
    await addRun(world, id)
    await world.owner.query('UPDATE runs SET failure_reason = $2 WHERE id = $1', [id, reason])
    const preview = await previewAction(
      'sql.update',
      { connection: 'db', table: 'runs', where: { id }, set: { status: 'FAILED', failure_reason: 'seen' } },
      context(),
    )
    expect(preview).toMatchObject({
      exact: ['status'],
      undo: 'none: the exact value of failure_reason is not stored',
    })
    expect(JSON.stringify(preview)).not.toMatch(/the-key-of-the-store|hunter2|x{3000}/)
  })

  test('hides secrets in an error and replaces unstorable characters', async () => {
    resolveSecret('${STORE}', 'connection store (header)', { STORE: 'the-key-of-the-store' })
    const fails = async () => Promise.reject(new Error('no\0 \ud800 with the-key-of-the-store'))
    const preview = await previewAction(
      'sql.update',
      { connection: 'db', table: 'runs', where: { id: 'x' }, set: { status: 'FAILED' } },
      { ...context(), targets: { postgres: fails } as unknown as Targets },
    )
    expect(preview.unread).toBe('could not read what it would change: no\uFFFD \uFFFD with ***')
  })

  test('of an update on a missing table shows the statement and the error', async () => {
    const preview = await previewAction(
      'sql.update',
      { connection: 'db', table: 'nowhere', where: { id: '1' }, set: { a: 1 } },
      context(),
    )
    expect(preview).toMatchObject({
      summary: `UPDATE nowhere SET a = 1 WHERE id = '1'`,
      warning: expect.stringContaining('does not exist'),
    })
  })

  test('of a command shows its complete argv, and of a request its URL and body, without executing them', async () => {
    const command = await previewAction('workers.scale', { connection: 'ctl', replicas: 4, max: 8 }, context())
    expect(command.rows?.[0]?.after).toMatchObject({
      replicas: 4,
      argv: expect.arrayContaining([process.execPath, '4']),
    })
    const request = await previewAction(
      'http.request',
      { connection: 'ml', method: 'DELETE', path: '/jobs/{id}', values: { id: 'a b' } },
      context(),
    )
    expect(request.rows?.[0]?.after).toEqual({
      method: 'DELETE',
      url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/api\/jobs\/a%20b$/),
    })
    expect(JSON.stringify(request)).not.toContain('secret')
    expect([await ran(), received]).toEqual([[], []])
  })
})
