import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { closeIncident } from '../../src/history/close.ts'
import { recordEvents } from '../../src/history/record.ts'
import { openHttpWorld, openIncident, openTestGate, type HttpWorld } from './http-world.ts'

const STREAMS = 20

let world: HttpWorld
beforeAll(async () => {
  const limits = `limits: { eventStreams: ${STREAMS}, eventStreamsPerPerson: ${STREAMS}, writesPerMinute: 300, failedLoginsPerMinute: 5, perIncident: 5 }\n`
  world = await openHttpWorld(inject('stack'), { config: limits })
})
afterAll(() => world?.close())

const tooMany = { status: 429, json: expect.objectContaining({ code: 'RUNBOOK_TOO_MANY_REQUESTS' }) }

describe('methods', () => {
  test('every path answers HEAD as GET without a body, and OPTIONS with its methods', async () => {
    const { paths } = (await world.call('GET', '/openapi.json')).json as { paths: Record<string, object> }
    const id = await openIncident(world)
    for (const [path, operations] of Object.entries(paths)) {
      const url = path.replace('{id}', id).replace(/\{\w+\}/, 'nothing')
      const options = await world.call('OPTIONS', url, { as: null })
      expect(options, path).toMatchObject({ status: 204, text: '' })
      const allowed = options.headers.get('allow')!.split(', ').toSorted()
      const documented = Object.keys(operations).map((method) => method.toUpperCase())
      const head = documented.includes('GET') ? ['HEAD'] : []
      expect(allowed, path).toEqual([...documented, ...head, 'OPTIONS'].toSorted())
      if (!documented.includes('GET')) continue
      const answer = await world.call('HEAD', url)
      expect(answer.text, path).toBe('')
      if (!path.endsWith('/events')) expect(answer.status, path).toBe((await world.call('GET', url)).status)
    }
  })

  test('another method is 405 with the methods of the path; an unknown path is 404', async () => {
    for (const method of ['PUT', 'DELETE', 'PATCH', 'POST']) {
      const answer = await world.call(method, '/v1/gates')
      expect(answer, method).toMatchObject({ status: 405, json: { code: 'RUNBOOK_BAD_INPUT' } })
      expect(answer.headers.get('allow')).toBe('GET, HEAD, OPTIONS')
    }
    expect((await world.call('HEAD', '/v1/incidents/INC-1/cancel')).status).toBe(405)
    expect((await world.call('DELETE', '/v1/gates', { as: null })).status).toBe(401)
    expect((await world.call('OPTIONS', '/nothing')).status).toBe(404)
  })
})

/** Sends a request's bytes and closes the connection at a random moment. */
function sendAndBreak(path: string, method: string, waitMs: number | undefined): Promise<void> {
  const { hostname, port } = new URL(world.api.url)
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname, () => {
      const headers = `Host: ${hostname}\r\nAuthorization: ${world.authorization.authorization}\r\n`
      socket.write(`${method} ${path} HTTP/1.1\r\n${headers}\r\n`)
      if (waitMs === undefined) socket.destroy()
      else setTimeout(() => (waitMs % 2 === 0 ? socket.destroy() : socket.resetAndDestroy()), waitMs)
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve())
    socket.resume()
  })
}

describe('event streams', () => {
  /** The number of event streams that the API still accepts. The streams that are opened to count them are closed again. */
  async function freeStreams(id: string): Promise<number> {
    const ending = new AbortController()
    const opened = await Promise.all(
      Array.from({ length: STREAMS }, () =>
        fetch(`${world.api.url}/v1/incidents/${id}/events`, { headers: world.authorization, signal: ending.signal }),
      ),
    )
    ending.abort()
    return opened.filter((response) => response.status === 200).length
  }

  test('200 streams that are opened and broken off in every way leave no slot taken', async () => {
    const id = await openIncident(world)
    const path = `/v1/incidents/${id}/events`
    const ways: (() => Promise<unknown>)[] = [
      () => sendAndBreak(path, 'GET', undefined),
      () => sendAndBreak(path, 'GET', Math.floor(Math.random() * 20)),
      () => sendAndBreak(path, 'HEAD', 40),
      () => world.call('HEAD', path),
      async () => (await fetch(`${world.api.url}${path}`, { headers: world.authorization })).body?.cancel(),
    ]
    for (let round = 0; round < 40; round += 1) await Promise.all(ways.map((way) => way()))
    await expect.poll(() => freeStreams(id), { timeout: 10_000, interval: 300 }).toBe(STREAMS)
  })

  test('a stream more than the limit is refused until one ends', async () => {
    const id = await openIncident(world)
    const streams = await Promise.all(
      Array.from({ length: STREAMS }, () =>
        fetch(`${world.api.url}/v1/incidents/${id}/events`, { headers: world.authorization }),
      ),
    )
    const refused = await world.call('GET', `/v1/incidents/${id}/events`)
    expect(refused).toMatchObject(tooMany)
    expect(refused.headers.get('retry-after')).toBe('2')
    await Promise.all(streams.map((response) => response.body?.cancel()))
    await expect.poll(() => freeStreams(id), { timeout: 10_000, interval: 300 }).toBe(STREAMS)
  })

  test('more events than are read at a time all arrive, in order', async () => {
    const id = await openIncident(world)
    const event = { actor: 'engine', kind: 'claimed', data: {} } as const
    await recordEvents(
      world.engine.database,
      id,
      Array.from({ length: 450 }, () => event),
    )
    const ending = new AbortController()
    const { body } = await fetch(`${world.api.url}/v1/incidents/${id}/events`, {
      headers: world.authorization,
      signal: ending.signal,
    })
    let text = ''
    for await (const part of body!.pipeThrough(new TextDecoderStream())) {
      text += part
      if (text.includes('id: 451\n')) break
    }
    ending.abort()
    expect([...text.matchAll(/^id: (\d+)$/gm)].map(([, seq]) => Number(seq))).toEqual(
      Array.from({ length: 451 }, (_, at) => at + 1),
    )
  })
})

describe('one incident', () => {
  const outcomes = async (count: number, send: () => Promise<{ status: number }>) => {
    const statuses: number[] = []
    for (let at = 0; at < count; at += 1) statuses.push((await send()).status)
    return statuses
  }
  const five = [200, 200, 200, 200, 200, 429, 429]
  const review = async (id: string) => (await world.call('GET', `/v1/incidents/${id}/review.json`)).json

  test('one person adds so many notes and claims; others go on, and other incidents are not affected', async () => {
    const id = await openIncident(world)
    const note = { body: { text: 'seen before' } }
    expect(await outcomes(7, () => world.call('POST', `/v1/incidents/${id}/notes`, note))).toEqual(five)
    expect(await outcomes(7, () => world.call('POST', `/v1/incidents/${id}/claim`))).toEqual(five)
    const refused = await world.call('POST', `/v1/incidents/${id}/notes`, note)
    expect(refused).toMatchObject(tooMany)
    expect(refused.json.detail).toContain(`operator has reached the limit of 5 notes on ${id}`)
    // Waiting does not help, so the answer names no time.
    expect(refused.headers.get('retry-after')).toBeNull()
    expect((await world.call('POST', `/v1/incidents/${id}/notes`, { ...note, as: 'lead' })).status).toBe(200)
    const other = await openIncident(world)
    expect((await world.call('POST', `/v1/incidents/${other}/notes`, note)).status).toBe(200)
    expect((await review(id)).notes).toHaveLength(6)
  })

  test('one person retries an incident so often, even if each retry joins the one that is open', async () => {
    const id = await openIncident(world)
    await closeIncident(world.engine.database, { incident: id, outcome: 'escalated', reason: 'no known cause holds' })
    const retry = () => world.call('POST', `/v1/incidents/${id}/retry`)
    const statuses = await outcomes(7, retry)
    expect(statuses.slice(-2)).toEqual([429, 429])
    expect((await review(id)).timeline.filter(({ kind }: { kind: string }) => kind === 'retried')).toHaveLength(5)
    expect((await world.call('POST', `/v1/incidents/${id}/retry`, { as: 'lead' })).status).toBe(200)
  })

  test('one person decides so often, and another can still decide', async () => {
    const id = await openIncident(world)
    const proposalDigest = await openTestGate(world, id, 2)
    const decide = (as: 'operator' | 'lead') =>
      world.call('POST', `/v1/incidents/${id}/decision`, { as, body: { proposalDigest, decision: 'approve' } })
    const change = async () => {
      const decided = await decide('operator')
      if (decided.status === 200) await world.call('POST', `/v1/incidents/${id}/withdraw`, { body: {} })
      return decided
    }
    expect(await outcomes(7, change)).toEqual(five)
    expect(await decide('lead')).toMatchObject({ status: 200, json: { state: 'open', approvals: 1 } })
  })

  test('200 refused decisions become 23 events, the last of which say how many there were', async () => {
    const id = await openIncident(world)
    const proposalDigest = await openTestGate(world, id)
    const body = { proposalDigest, decision: 'approve' }
    const decide = () => world.call('POST', `/v1/incidents/${id}/decision`, { body, as: 'reader' })
    expect(new Set(await outcomes(200, decide))).toEqual(new Set([403]))
    const denied = (await review(id)).timeline.filter(({ kind }: { kind: string }) => kind === 'denied')
    expect(denied).toHaveLength(23)
    expect(denied.slice(-3).map(({ data }: { data: { refused: number } }) => data.refused)).toEqual([32, 64, 128])
    expect(denied.at(-1).text).toContain('(128 refused so far; not all of them are listed)')
    expect((await world.call('POST', `/v1/incidents/${id}/decision`, { body })).json.state).toBe('approved')
  })
})

describe('requests', () => {
  test('after too many wrong tokens the answer is 429, and a right token is still accepted', async () => {
    const wrong = await Promise.all(
      Array.from({ length: 12 }, () => world.call('GET', '/v1/gates', { token: 'guess' })),
    )
    expect(wrong.map(({ status }) => status).filter((status) => status === 401).length).toBeLessThanOrEqual(6)
    const last = wrong.findLast(({ status }) => status === 429)
    expect(last).toMatchObject(tooMany)
    expect(Number(last!.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await world.call('GET', '/v1/gates')).status).toBe(200)
  })

  test('one person who changes too much is refused for a while; others and reading are not', async () => {
    const id = await openIncident(world)
    const answers = await Promise.all(
      Array.from({ length: 400 }, () => world.call('POST', `/v1/incidents/${id}/ack`, { as: 'reader' })),
    )
    const refused = answers.filter(({ status }) => status === 429)
    expect(refused.length).toBeGreaterThan(50)
    expect(refused[0]!.json.detail).toContain('reader sent more than 300 changes in a minute: try again in 1 s')
    expect((await world.call('GET', `/v1/incidents/${id}`, { as: 'reader' })).status).toBe(200)
    expect((await world.call('POST', `/v1/incidents/${id}/ack`)).status).toBe(200)
  })

  test.each([
    ['an array', (inner: string) => `[${inner}]`],
    ['an object', (inner: string) => `{"a":${inner}}`],
  ])('%s of 3,000 levels is bad input, wherever it is sent', async (_, around) => {
    const id = await openIncident(world)
    const deep = Array.from({ length: 3_000 }).reduce<string>((inner) => around(inner), '1')
    const requests = {
      '/v1/incidents': `{"type":"test-run","inputs":{"run":${deep}}}`,
      [`/v1/incidents/${id}/decision`]: `{"decision":${deep}}`,
      [`/v1/incidents/${id}/notes`]: `{"text":${deep}}`,
      [`/v1/incidents/${id}/done`]: `{"done":true,"form":{"a":${deep}}}`,
    }
    for (const [path, body] of Object.entries(requests))
      expect(await world.call('POST', path, { body }), path).toMatchObject({
        status: 400,
        json: { code: 'RUNBOOK_BAD_INPUT', detail: expect.stringContaining('levels deep') },
      })
  })

  test('a number that is too large is bad input', async () => {
    const body = '{"type":"test-run","inputs":{"run":1e999}}'
    expect((await world.call('POST', '/v1/incidents', { body })).status).toBe(400)
  })
})
