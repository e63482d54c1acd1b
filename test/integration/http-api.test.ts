import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { digest } from '../../src/core/canonical.ts'
import { ownVersion, VERSION_HEADER } from '../../src/engine/own-version.ts'
import { createApi } from '../../src/http/api.ts'
import { recordEvidence } from '../../src/history/record.ts'
import { openHttpWorld, openIncident, openTestGate, type HttpWorld } from './http-world.ts'

let world: HttpWorld
beforeAll(async () => {
  world = await openHttpWorld(inject('stack'))
})
afterAll(() => world?.close())

const problem = (status: number, code: string) => ({ status, json: expect.objectContaining({ status, code }) })

describe('authentication', () => {
  test.each([
    ['POST', '/v1/incidents'],
    ['GET', '/v1/incidents'],
    ['GET', '/v1/incidents/INC-1'],
    ['GET', '/v1/incidents/INC-1/events'],
    ['GET', '/v1/incidents/INC-1/review.md'],
    ['POST', '/v1/incidents/INC-1/decision'],
    ['POST', '/v1/incidents/INC-1/cancel'],
    ['GET', '/v1/gates'],
    ['GET', '/v1/runbooks'],
    ['GET', '/v1/no-such-thing'],
  ])('%s %s needs a known token', async (method, path) => {
    const without = await world.call(method, path, { as: null })
    expect(without).toMatchObject(problem(401, 'RUNBOOK_NOT_AUTHENTICATED'))
    expect(without.headers.get('www-authenticate')).toContain('Bearer')
    expect(without.headers.get('content-type')).toBe('application/problem+json')
    expect(await world.call(method, path, { token: 'guessed' })).toMatchObject(
      problem(401, 'RUNBOOK_NOT_AUTHENTICATED'),
    )
  })

  test('health checks and /openapi.json need no token', async () => {
    for (const path of ['/healthz', '/readyz', '/openapi.json'])
      expect((await world.call('GET', path, { as: null })).status, path).toBe(200)
  })

  test('answers forbid caching, framing and content sniffing', async () => {
    const { headers } = await world.call('GET', '/v1/incidents')
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('x-frame-options')).toBe('SAMEORIGIN')
  })

  test('answers name the version of the API only to callers with a token, also when a route does not exist', async () => {
    const versionOf = async (path: string, as?: null) =>
      (await world.call('GET', path, as === null ? { as } : {})).headers.get(VERSION_HEADER)
    for (const path of ['/v1/incidents', '/v1/incidents/INC-999', '/v1/of-another-version'])
      expect(await versionOf(path), path).toBe(ownVersion())
    for (const path of ['/v1/incidents', '/v1/of-another-version', '/healthz', '/readyz'])
      expect(await versionOf(path, null), path).toBeNull()
  })
})

describe('opening an incident', () => {
  const open = (inputs: object, headers = {}) =>
    world.call('POST', '/v1/incidents', { body: { type: 'test-run', inputs }, headers })

  test('a second request with the same key joins it, and the answer shows inputs that differ', async () => {
    const first = await open({ run: 'same' })
    expect(first).toMatchObject({ status: 200, json: { created: true, occurrences: 1 } })
    const second = await open({ run: 'same', threshold: '5s' })
    const inputs = { run: 'same', threshold: '1h' }
    expect(second.json).toEqual({ incident: first.json.incident, created: false, occurrences: 2, inputs })
    const third = await open({ run: 'same' })
    expect(third.json).toEqual({ incident: first.json.incident, created: false, occurrences: 3 })
    const shown = await world.call('GET', `/v1/incidents/${first.json.incident}`)
    expect(shown.json).toMatchObject({
      type: 'test-run',
      key: 'test-run/same',
      inputs,
      requester: 'person:operator',
      state: 'open',
      rounds: [],
    })
  })

  test('a repeated Idempotency-Key returns the same incident, and is refused for another request', async () => {
    const key = { 'idempotency-key': 'request-1' }
    const first = await open({ run: 'once' }, key)
    const again = await open({ run: 'once' }, key)
    expect(again.json).toEqual({ incident: first.json.incident, created: false, occurrences: 1 })
    expect(await open({ run: 'other' }, key)).toMatchObject(problem(409, 'RUNBOOK_CONFLICT'))
  })

  test('an unknown type is refused with the list of known types', async () => {
    const answer = await world.call('POST', '/v1/incidents', { body: { type: 'test-runs', inputs: {} } })
    expect(answer).toMatchObject(problem(400, 'RUNBOOK_UNKNOWN_INCIDENT_TYPE'))
    expect(answer.json.data.known).toEqual(['test-run'])
    expect(answer.json.detail).toContain('Did you mean test-run?')
  })

  test.each([
    [{ type: 'test-run', inputs: {} }, 'run: is required'],
    [{ type: 'test-run', inputs: { run: 'x', threshold: 'soon' } }, 'threshold: "soon" is not a duration'],
    [{ type: 'test-run', inputs: { run: 'x', treshold: '5s' } }, 'did you mean threshold'],
    [{ type: 'test-run', input: {} }, 'input'],
    [{ inputs: {} }, 'type'],
    ['{"type": "test-run"', 'JSON'],
  ])('%j is bad input', async (body, message) => {
    const answer = await world.call('POST', '/v1/incidents', { body })
    expect(answer).toMatchObject(problem(400, 'RUNBOOK_BAD_INPUT'))
    expect(answer.json.detail).toContain(message)
  })

  test('a body without the JSON content type is refused', async () => {
    const headers = { 'content-type': 'text/plain' }
    const answer = await world.call('POST', '/v1/incidents', {
      body: { type: 'test-run', inputs: { run: 'x' } },
      headers,
    })
    expect(answer).toMatchObject(problem(415, 'RUNBOOK_BAD_INPUT'))
  })

  test('a body over the limit is refused', async () => {
    const body = { type: 'test-run', inputs: { run: 'x'.repeat(70_000) } }
    expect(await world.call('POST', '/v1/incidents', { body })).toMatchObject(problem(413, 'RUNBOOK_BAD_INPUT'))
  })
})

describe('reading', () => {
  test('the next page of incidents continues after the previous one', async () => {
    const ids = [await openIncident(world), await openIncident(world), await openIncident(world)].toReversed()
    const first = await world.call('GET', '/v1/incidents?limit=2&state=open&type=test-run')
    expect(first.json.incidents.map(({ id }: { id: string }) => id)).toEqual(ids.slice(0, 2))
    const second = await world.call('GET', `/v1/incidents?limit=2&cursor=${first.json.next}`)
    expect(second.json.incidents[0].id).toBe(ids[2])
    expect((await world.call('GET', '/v1/incidents?state=closed&type=nothing')).json).toEqual({
      incidents: [],
      next: null,
      files: { loadedAt: expect.any(String), problems: [], restart: [] },
    })
  })

  test.each([
    ['/v1/incidents/INC-999999', 404, 'RUNBOOK_NOT_FOUND'],
    ['/v1/incidents/142', 400, 'RUNBOOK_BAD_INPUT'],
    ['/v1/incidents/INC-1/decision', 405, 'RUNBOOK_BAD_INPUT'],
    ['/v1/incidents?limit=0', 400, 'RUNBOOK_BAD_INPUT'],
    ['/v1/incidents?state=broken', 400, 'RUNBOOK_BAD_INPUT'],
    ['/v1/no-such-thing', 404, 'RUNBOOK_NOT_FOUND'],
    ['/v1/runbooks/nothing', 404, 'RUNBOOK_NOT_FOUND'],
  ])('GET %s answers %i', async (path, status, code) => {
    expect(await world.call('GET', path)).toMatchObject(problem(status, code))
  })

  test('runbooks are listed with their inputs', async () => {
    const { runbooks } = (await world.call('GET', '/v1/runbooks')).json
    expect(runbooks).toMatchObject([
      { name: 'test-runs', incident: 'test-run', inputs: { run: { type: 'string' }, threshold: { default: '1h' } } },
    ])
    expect((await world.call('GET', '/v1/runbooks/test-runs')).json).toEqual(runbooks[0])
  })

  test('evidence is found by its digest, and is in the review', async () => {
    const id = await openIncident(world)
    const result = { rows: [{ n: 1 }], truncated: false }
    const ref = digest({ result })
    const found = { place: 'r1/check/seen', name: 'seen', kind: 'sql.query', status: 'ok', ref } as const
    const at = { startedAt: new Date().toISOString(), durationMs: 3, truncated: false }
    await recordEvidence(world.engine.database, id, [{ ...found, ...at, result }], {}, 'diagnosing')
    const evidence = await world.call('GET', `/v1/incidents/${id}/evidence/${ref}`)
    expect(evidence.json).toMatchObject({ ...found, body: { result } })
    const review = await world.call('GET', `/v1/incidents/${id}/review.json`)
    expect(review.json).toMatchObject({ incident: { id }, evidence: [{ ref }], chainFaults: [] })
    const markdown = await world.call('GET', `/v1/incidents/${id}/review.md`)
    expect(markdown.headers.get('content-type')).toBe('text/markdown; charset=utf-8')
    expect(markdown.text).toContain(`# ${id}: test-run`)
    expect(await world.call('GET', `/v1/incidents/${id}/evidence/${'b'.repeat(64)}`)).toMatchObject(
      problem(404, 'RUNBOOK_NOT_FOUND'),
    )
  })

  test('/openapi.json lists every route and its answers', async () => {
    const { paths } = (await world.call('GET', '/openapi.json')).json
    expect(Object.keys(paths).toSorted()).toEqual([
      '/metrics',
      '/v1/alerts/explain',
      '/v1/alerts/unmatched',
      '/v1/breakers/{connection}/close',
      '/v1/connections',
      '/v1/connections/{name}',
      '/v1/controls',
      '/v1/detection',
      '/v1/detection/report',
      '/v1/detection/{runbook}/pause',
      '/v1/detection/{runbook}/resume',
      '/v1/follow-ups',
      '/v1/gates',
      '/v1/hooks/{source}',
      '/v1/incidents',
      '/v1/incidents/{id}',
      '/v1/incidents/{id}/ack',
      '/v1/incidents/{id}/cancel',
      '/v1/incidents/{id}/claim',
      '/v1/incidents/{id}/decision',
      '/v1/incidents/{id}/done',
      '/v1/incidents/{id}/events',
      '/v1/incidents/{id}/evidence/{ref}',
      '/v1/incidents/{id}/feedback',
      '/v1/incidents/{id}/follow-ups',
      '/v1/incidents/{id}/follow-ups/{number}/close',
      '/v1/incidents/{id}/notes',
      '/v1/incidents/{id}/retry',
      '/v1/incidents/{id}/review.json',
      '/v1/incidents/{id}/review.md',
      '/v1/incidents/{id}/settle',
      '/v1/incidents/{id}/undo',
      '/v1/incidents/{id}/withdraw',
      '/v1/insights',
      '/v1/maintenance',
      '/v1/maintenance/{id}/end',
      '/v1/runbooks',
      '/v1/runbooks/{name}',
      '/v1/runbooks/{name}/statistics',
      '/v1/runbooks/{name}/versions',
      '/v1/runbooks/{name}/versions/{digest}',
      '/v1/sign-in-links',
      '/v1/slack/interactivity',
      '/v1/status',
    ])
    expect(paths['/v1/incidents'].post.responses).toHaveProperty('409')
  })
})

describe('deciding', () => {
  test('a waiting gate is listed, even if many incidents were opened since', async () => {
    const id = await openIncident(world)
    await openTestGate(world, id)
    await Promise.all(Array.from({ length: 201 }, () => openIncident(world)))
    const { gates } = (await world.call('GET', '/v1/gates')).json
    expect(gates.map((one: { incident: string }) => one.incident)).toContain(id)
  })

  test('an approval with the digest of the proposal approves the gate', async () => {
    const id = await openIncident(world)
    const proposalDigest = await openTestGate(world, id)
    const waiting = await world.call('GET', '/v1/gates?state=open')
    expect(waiting.json.gates).toContainEqual(
      expect.objectContaining({ incident: id, gate: expect.objectContaining({ id: `${id}.r1`, proposalDigest }) }),
    )
    const body = { proposalDigest, decision: 'approve', targets: ['a'], comment: 'go on' }
    const decided = await world.call('POST', `/v1/incidents/${id}/decision`, { body })
    expect(decided).toMatchObject({
      status: 200,
      json: { gate: `${id}.r1`, state: 'approved', approvals: 1, required: 1 },
    })
    const { gate } = (await world.call('GET', `/v1/incidents/${id}`)).json.rounds[0]
    expect(gate).toMatchObject({
      state: 'approved',
      decisions: [{ person: 'operator', targets: ['a'], comment: 'go on' }],
    })
    expect(
      (await world.call('GET', '/v1/gates')).json.gates.map((one: { incident: string }) => one.incident),
    ).not.toContain(id)
  })

  test('below the quorum the gate stays open, and the second person decides it', async () => {
    const id = await openIncident(world)
    const body = { proposalDigest: await openTestGate(world, id, 2), decision: 'approve' }
    const first = await world.call('POST', `/v1/incidents/${id}/decision`, { body })
    expect(first.json).toMatchObject({ state: 'open', approvals: 1, required: 2 })
    const second = await world.call('POST', `/v1/incidents/${id}/decision`, { body, as: 'lead' })
    expect(second.json).toMatchObject({ state: 'approved', approvals: 2 })
  })

  test('a decision that does not fit is refused and not recorded', async () => {
    const id = await openIncident(world)
    const proposalDigest = await openTestGate(world, id)
    const decide = (body: object, as: 'operator' | 'reader' = 'operator') =>
      world.call('POST', `/v1/incidents/${id}/decision`, { body, as })
    const approve = { proposalDigest, decision: 'approve' }
    expect(await decide(approve, 'reader')).toMatchObject(problem(403, 'RUNBOOK_NOT_ALLOWED'))
    expect(await decide({ ...approve, proposalDigest: 'f'.repeat(64) })).toMatchObject(problem(409, 'RUNBOOK_CONFLICT'))
    expect(await decide({ ...approve, proposalDigest: 'f' })).toMatchObject(problem(400, 'RUNBOOK_BAD_INPUT'))
    expect(await decide({ ...approve, targets: ['c'] })).toMatchObject(problem(409, 'RUNBOOK_CONFLICT'))
    expect(await decide({ ...approve, targets: [] })).toMatchObject(problem(400, 'RUNBOOK_BAD_INPUT'))
    expect(await decide({ ...approve, gate: 'INC-1.r1' })).toMatchObject(problem(400, 'RUNBOOK_BAD_INPUT'))
    expect(await decide({ ...approve, nextCause: true })).toMatchObject(problem(400, 'RUNBOOK_BAD_INPUT'))
    expect(await decide({ ...approve, person: 'lead' })).toMatchObject(problem(400, 'RUNBOOK_BAD_INPUT'))
    const { gate } = (await world.call('GET', `/v1/incidents/${id}`)).json.rounds[0]
    expect(gate).toMatchObject({ state: 'open', decisions: [] })
  })

  test('an incident without a proposal has nothing to decide', async () => {
    const id = await openIncident(world)
    const body = { proposalDigest: 'f'.repeat(64), decision: 'reject' }
    expect(await world.call('POST', `/v1/incidents/${id}/decision`, { body })).toMatchObject(
      problem(409, 'RUNBOOK_CONFLICT'),
    )
  })
})

test('people acknowledge, claim, note and cancel', async () => {
  const id = await openIncident(world)
  expect((await world.call('POST', `/v1/incidents/${id}/ack`)).json.acknowledgedBy).toBe('operator')
  expect((await world.call('POST', `/v1/incidents/${id}/ack`, { as: 'lead' })).json.acknowledgedBy).toBe('operator')
  expect((await world.call('POST', `/v1/incidents/${id}/claim`, { as: 'lead' })).json.claimedBy).toBe('lead')
  expect((await world.call('POST', `/v1/incidents/${id}/notes`, { body: { text: 'seen before' } })).status).toBe(200)
  expect(await world.call('POST', `/v1/incidents/${id}/notes`, { body: { text: '' } })).toMatchObject(
    problem(400, 'RUNBOOK_BAD_INPUT'),
  )
  expect((await world.call('POST', `/v1/incidents/${id}/cancel`)).json.cancelling).toBe(true)
  const { notes } = (await world.call('GET', `/v1/incidents/${id}/review.json`)).json
  expect(notes).toMatchObject([{ person: 'operator', body: 'seen before' }])
  expect(await world.call('POST', '/v1/incidents/INC-999999/ack')).toMatchObject(problem(404, 'RUNBOOK_NOT_FOUND'))
})

test.each(['\0', '\ud800', '\udc00\ud83d'])(
  'the text %j, which cannot be stored exactly, is refused everywhere',
  async (odd) => {
    const id = await openIncident(world)
    const proposalDigest = await openTestGate(world, id)
    const requests: [path: string, body: object][] = [
      ['notes', { text: odd }],
      ['cancel', { comment: odd }],
      ['withdraw', { comment: odd }],
      ['done', { done: true, form: { version: odd } }],
      ['done', { done: true, form: { [odd]: 'x' } }],
      ['settle', { action: '0-sql.update', target: 'a', result: 'applied', comment: odd }],
      ['decision', { proposalDigest, decision: 'approve', comment: odd }],
      ['decision', { proposalDigest, decision: 'approve', breakGlass: `${'x'.repeat(20)}${odd}` }],
    ]
    for (const [path, body] of requests)
      expect(await world.call('POST', `/v1/incidents/${id}/${path}`, { body }), path).toMatchObject(
        problem(400, 'RUNBOOK_BAD_INPUT'),
      )
    expect((await world.call('GET', `/v1/incidents/${id}`)).json).toMatchObject({ closedAt: null })
  },
)

test('a database that does not answer is 503, and the engine is not ready', async () => {
  const down = { ...world.engine, database: { query: async () => Promise.reject(connectionRefused()) } }
  const api = createApi(down as never)
  const answer = await api.request('/v1/incidents', { headers: world.authorization })
  expect(answer.status).toBe(503)
  expect(await answer.json()).toMatchObject({ code: 'RUNBOOK_UNREACHABLE' })
  const ready = await api.request('/readyz')
  expect(ready.status).toBe(503)
  expect(await ready.json()).toEqual({ status: 'not ready', database: 'does not answer', temporal: 'ok' })
})

test('an internal error is 500 without details, and is logged', async () => {
  const logged: string[] = []
  const failing = { ...world.engine, database: { query: async () => Promise.reject(new Error('secret details')) } }
  const api = createApi(failing as never, { logError: (error, request) => logged.push(`${request}: ${String(error)}`) })
  const answer = await api.request('/v1/incidents', { headers: world.authorization })
  expect(answer.status).toBe(500)
  expect(await answer.text()).not.toContain('secret details')
  expect(logged).toEqual(['GET /v1/incidents: Error: secret details'])
})

function connectionRefused(): Error {
  return Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
}
