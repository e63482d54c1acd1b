import type { EventSourceMessage } from 'eventsource-parser'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { Current } from '../../src/core/current.ts'
import { Client } from '../../src/cli/client.ts'
import { readEventStream } from '../../src/cli/event-stream.ts'
import { closeIncident } from '../../src/history/close.ts'
import { recordEvents } from '../../src/history/record.ts'
import { startApi } from '../../src/http/serve.ts'
import { openHttpWorld, openIncident, type HttpWorld } from './http-world.ts'

let world: HttpWorld
beforeAll(async () => {
  world = await openHttpWorld(inject('stack'))
})
afterAll(() => world?.close())

const event = (kind: 'acknowledged' | 'claimed') => ({ actor: 'engine', kind, data: {} })

async function openStream(url: string, id: string, lastEventId?: string) {
  const response = await fetch(`${url}/v1/incidents/${id}/events`, {
    headers: { ...world.authorization, ...(lastEventId ? { 'last-event-id': lastEventId } : {}) },
  })
  return {
    status: response.status,
    events: response.body ? readEventStream(response.body, new AbortController().signal) : undefined,
  }
}

async function next(events: AsyncGenerator<EventSourceMessage> | undefined) {
  const { value } = await events!.next()
  return value as EventSourceMessage | undefined
}

test('a stream starts with the past events, continues live, and ends with the closing', async () => {
  const id = await openIncident(world)
  const { events } = await openStream(world.api.url, id)
  expect(await next(events)).toMatchObject({ id: '1', event: 'opened' })
  await recordEvents(world.engine.database, id, [event('acknowledged'), event('claimed')])
  expect(await next(events)).toMatchObject({ id: '2', event: 'acknowledged' })
  const second = await next(events)
  expect(JSON.parse(second!.data)).toMatchObject({ seq: 3, kind: 'claimed', actor: 'engine' })
  await closeIncident(world.engine.database, { incident: id, outcome: 'cleared', reason: 'a test' })
  expect(await next(events)).toMatchObject({ id: '4', event: 'closed' })
  expect(await events!.next()).toMatchObject({ done: true })
})

test('with Last-Event-ID it continues after that event, and answers 204 if no more events can come', async () => {
  const id = await openIncident(world)
  await closeIncident(world.engine.database, { incident: id, outcome: 'cleared', reason: 'a test' })
  const { events } = await openStream(world.api.url, id, '1')
  expect(await next(events)).toMatchObject({ id: '2', event: 'closed' })
  expect(await events!.next()).toMatchObject({ done: true })
  expect((await openStream(world.api.url, id, '2')).status).toBe(204)
})

test('a server that stops ends its streams, and the client continues at the next server', async () => {
  const id = await openIncident(world)
  const first = await startApi(new Current(world.engine), { host: '127.0.0.1', port: 0 })
  const port = Number(new URL(first.url).port)
  const token = world.authorization.authorization.slice('Bearer '.length)
  const seen: string[] = []
  const read = async () => {
    const events = new Client({ url: first.url, token }).events(id, new AbortController().signal, () => {})
    for await (const { kind } of events) {
      seen.push(kind)
      if (kind === 'opened') await first.close()
    }
  }
  const goOn = async () => {
    await expect.poll(() => seen, { timeout: 5_000 }).toEqual(['opened'])
    const second = await startAgain(port)
    await recordEvents(world.engine.database, id, [event('claimed')])
    await closeIncident(world.engine.database, { incident: id, outcome: 'cleared', reason: 'a test' })
    return second
  }
  const [second] = await Promise.all([goOn(), read()])
  expect(seen).toEqual(['opened', 'claimed', 'closed'])
  await second.close()
})

/** The port is free once the first server has closed. */
async function startAgain(port: number) {
  const end = Date.now() + 5_000
  for (;;) {
    try {
      return await startApi(new Current(world.engine), { host: '127.0.0.1', port })
    } catch (error) {
      if (Date.now() > end) throw error
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}

test('a port that is in use is reported', async () => {
  const port = Number(new URL(world.api.url).port)
  await expect(startApi(new Current(world.engine), { host: '127.0.0.1', port })).rejects.toThrow(
    `cannot serve on 127.0.0.1:${port}: another program uses the port`,
  )
})
