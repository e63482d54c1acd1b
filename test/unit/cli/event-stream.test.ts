import { expect, test } from 'vitest'
import { readEventStream } from '../../../src/cli/event-stream.ts'

/** A response body that arrives in these chunks and then stays open or ends. */
function bodyOf(chunks: (string | Uint8Array)[], end = true): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks)
        controller.enqueue(typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk)
      if (end) controller.close()
    },
  })
}

async function read(...chunks: (string | Uint8Array)[]): Promise<unknown[]> {
  const events: unknown[] = []
  for await (const event of readEventStream(bodyOf(chunks), new AbortController().signal)) events.push(event)
  return events
}

test('comments and events without data are skipped', async () => {
  expect(await read(': hello\n\nid: 1\n\ndata:\n\nid: 2\nevent: check\ndata: two\n\n')).toEqual([
    { id: '2', event: 'check', data: 'two' },
  ])
})

test('an event of several data lines is one text', async () => {
  expect(await read('data: one\ndata: two\n\n')).toMatchObject([{ data: 'one\ntwo' }])
})

test.each(['\n', '\r\n', '\r'])('lines may end in %j, and chunks may end anywhere', async (end) => {
  const bytes = new TextEncoder().encode(`id: 1${end}data: ünï${end}${end}id: 2${end}data: b${end}${end}: end${end}`)
  const chunks = Array.from(bytes, (byte) => Uint8Array.of(byte))
  expect(await read(...chunks)).toMatchObject([
    { id: '1', data: 'ünï' },
    { id: '2', data: 'b' },
  ])
})

test('an event that is not finished when the stream ends is dropped', async () => {
  expect(await read('data: one\n\ndata: tw')).toMatchObject([{ data: 'one' }])
})

test('aborting ends a stream that stays open', async () => {
  const aborting = new AbortController()
  const events = readEventStream(bodyOf(['data: one\n\n'], false), aborting.signal)
  expect((await events.next()).value).toMatchObject({ data: 'one' })
  const next = events.next()
  aborting.abort()
  expect((await next).done).toBe(true)
})
