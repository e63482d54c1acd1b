import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { digest } from '../../src/core/canonical.ts'
import { recordEvidence } from '../../src/history/record.ts'
import { addNote } from '../../src/engine/incident-actions.ts'
import { reviewIncident } from '../../src/engine/views/review.ts'
import { openHttpWorld, openIncident, type HttpWorld } from './http-world.ts'

let world: HttpWorld
beforeAll(async () => {
  world = await openHttpWorld(inject('stack'), { config: 'limits: { reviews: 20 }\n' })
})
afterAll(() => world?.close())

const MEGABYTE = 1_000_000

/** Stores results of one megabyte each, as checks would. */
async function storeEvidence(incident: string, count: number): Promise<void> {
  for (let at = 0; at < count; at += 1) {
    const result = { rows: [{ n: at, text: 'x'.repeat(MEGABYTE) }], truncated: false }
    const found = { place: `r1/check/c${at}`, name: `c${at}`, kind: 'sql.query', status: 'ok', result } as const
    const measured = { startedAt: new Date(1_700_000_000_000 + at).toISOString(), durationMs: 3, truncated: false }
    const evidence = { ...found, ...measured, ref: digest({ result }) }
    await recordEvidence(world.engine.database, incident, [evidence], {}, 'diagnosing')
  }
}

async function length(response: Response): Promise<number> {
  let bytes = 0
  for await (const part of response.body!) bytes += part.byteLength
  return bytes
}

test('40 readers of a review of 40 MB do not take gigabytes; those above the limit get 429', async () => {
  const id = await openIncident(world)
  await storeEvidence(id, 40)
  const url = `${world.api.url}/v1/incidents/${id}/review.json`
  const before = process.memoryUsage.rss()
  let most = before
  const sampler = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 20)
  const answers = await Promise.all(
    Array.from({ length: 40 }, async () => {
      const response = await fetch(url, { headers: world.authorization })
      return { status: response.status, retry: response.headers.get('retry-after'), bytes: await length(response) }
    }),
  )
  clearInterval(sampler)
  expect((most - before) / MEGABYTE).toBeLessThan(700)
  const complete = answers.filter(({ status }) => status === 200)
  expect(complete).toHaveLength(10)
  for (const { bytes } of complete) expect(bytes).toBeGreaterThan(40 * MEGABYTE)
  const others = answers.filter(({ status }) => status !== 200)
  expect(others).toHaveLength(30)
  for (const { status, retry } of others) expect({ status, retry }).toEqual({ status: 429, retry: '2' })
  // All slots are free again.
  expect((await world.call('GET', `/v1/incidents/${id}/review.json`)).json.evidence).toHaveLength(40)
}, 60_000)

test('a review in pieces is the review, with more notes and events than are read at a time', async () => {
  const id = await openIncident(world)
  await storeEvidence(id, 3)
  const operator = world.engine.people['operator']!
  for (let at = 0; at < 120; at += 1) await addNote(world.engine, operator, id, `note ${at}`)
  const { json } = await world.call('GET', `/v1/incidents/${id}/review.json`)
  expect(json).toEqual(JSON.parse(JSON.stringify(await reviewIncident(world.engine.database, id))))
  expect(json.notes.map(({ body }: { body: string }) => body)).toEqual(
    Array.from({ length: 120 }, (_, at) => `note ${at}`),
  )
  const { text } = await world.call('GET', `/v1/incidents/${id}/review.md`)
  expect(text.split('\n## Notes\n')[1]!.match(/^- .* operator: note \d+$/gm)).toHaveLength(120)
  expect(text.match(/^<details>/gm)).toHaveLength(3)
})

test('a review that cannot be read to its end is broken off instead of being shorter', async () => {
  const id = await openIncident(world)
  await storeEvidence(id, 20)
  const { database } = world.engine
  const query = database.query.bind(database)
  let queries = 0
  database.query = ((...args: Parameters<typeof query>) =>
    (queries += 1) > 5 ? Promise.reject(new Error('the database is gone')) : query(...args)) as typeof database.query
  try {
    const response = await fetch(`${world.api.url}/v1/incidents/${id}/review.md`, { headers: world.authorization })
    expect(response.status).toBe(200)
    await expect(response.text()).rejects.toThrow()
  } finally {
    database.query = query
  }
})

test('an incident that does not exist takes no slot', async () => {
  for (let at = 0; at < 30; at += 1)
    expect((await world.call('GET', '/v1/incidents/INC-999999/review.json')).status).toBe(404)
})
