import { expect, test, vi } from 'vitest'
import { gathered, streamOf } from '../../../src/http/stream-of.ts'

/** A stream that ends only when its signal is aborted. */
async function* endless(signal: AbortSignal) {
  yield 'first'
  while (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve))
}

function open(source: (signal: AbortSignal) => AsyncGenerator<string>, stalledMs?: number) {
  const ended = vi.fn<() => void>()
  const client = new AbortController()
  let signal: AbortSignal | undefined
  const body = streamOf((given) => source((signal = given)), {
    gone: client.signal,
    ended,
    ...(stalledMs !== undefined && { stalledMs }),
  })
  const expectEnded = () => {
    expect(ended).toHaveBeenCalled()
    expect(signal?.aborted).toBe(true)
  }
  return { body, client, expectEnded, ended }
}

test('a body that is read to its end is complete', async () => {
  const { body, expectEnded } = open(async function* () {
    yield* ['one ', 'two']
  })
  expect(await new Response(body).text()).toBe('one two')
  expectEnded()
})

test('an error in the middle breaks the body off', async () => {
  const { body, expectEnded } = open(async function* () {
    yield 'one'
    throw new Error('the database is gone')
  })
  await expect(new Response(body).text()).rejects.toThrow('the database is gone')
  expectEnded()
})

test('a body that is cancelled before or after its first part ends its source', async () => {
  const unread = open(endless)
  await unread.body.cancel()
  unread.expectEnded()
  const read = open(endless)
  const reader = read.body.getReader()
  await reader.read()
  const waiting = reader.read()
  await reader.cancel()
  read.expectEnded()
  expect(await waiting).toMatchObject({ done: true })
})

test('a client that is gone ends the source, also if it was gone before', () => {
  const { client, expectEnded } = open(endless)
  client.abort()
  expectEnded()
  const ended = vi.fn<() => void>()
  streamOf(endless, { gone: AbortSignal.abort(), ended })
  expect(ended).toHaveBeenCalled()
})

test('a body that nobody reads, or reads no further, is broken off', async () => {
  const unread = open(endless, 10)
  await expect.poll(() => unread.ended.mock.calls.length).toBe(1)
  const read = open(endless, 10)
  const reader = read.body.getReader()
  await reader.read()
  await expect.poll(() => read.ended.mock.calls.length).toBe(1)
  await expect(reader.read()).rejects.toThrow('the client does not read the response')
})

test('short pieces are joined', async () => {
  const pieces = async function* () {
    for (let at = 0; at < 100; at += 1) yield 'x'.repeat(1_000)
  }
  const lengths = []
  for await (const text of gathered(pieces())) lengths.push(text.length)
  expect(lengths).toEqual([64_000, 36_000])
})
