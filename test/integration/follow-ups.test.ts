import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { closeIncident } from '../../src/history/close.ts'
import { openHttpWorld, openIncident, openTestGate, type HttpWorld } from './http-world.ts'

let world: HttpWorld
beforeAll(async () => {
  world = await openHttpWorld(inject('stack'), { config: 'limits: { perIncident: 5 }\n' })
})
afterAll(() => world?.close())

const reviewOf = async (id: string) => (await world.call('GET', `/v1/incidents/${id}/review.json`)).json
const add = (id: string, body: object, as: 'operator' | 'lead' = 'operator') =>
  world.call('POST', `/v1/incidents/${id}/follow-ups`, { body, as })

test('a follow-up is added to a closed incident, listed while it is open, and closed with its result', async () => {
  const id = await openIncident(world)
  await closeIncident(world.engine.database, { incident: id, outcome: 'escalated', reason: 'no known cause holds' })
  const later = await add(id, { text: 'later', owner: 'platform', due: '2099-12-31' })
  expect(later).toMatchObject({ status: 200, json: { incident: id, number: 1, addedBy: 'operator', closedAt: null } })
  await add(id, { text: 'first', owner: 'lead', due: '2099-01-31' })
  await add(id, { text: 'some time', owner: 'lead' })
  const open = async () =>
    (await world.call('GET', '/v1/follow-ups')).json.followUps.map(({ text }: { text: string }) => text)
  expect(await open()).toEqual(['first', 'later', 'some time'])
  const close = (number: number) =>
    world.call('POST', `/v1/incidents/${id}/follow-ups/${number}/close`, { body: { result: 'raised to 60 s' } })
  expect((await close(1)).json).toMatchObject({ number: 1, closedBy: 'operator', result: 'raised to 60 s' })
  expect(await open()).toEqual(['first', 'some time'])
  expect(await close(1)).toMatchObject({ status: 409, json: { detail: expect.stringContaining('closed follow-up 1') } })
  expect((await close(9)).status).toBe(404)
  const review = await reviewOf(id)
  expect(review.followUps.map(({ number, closedBy }: any) => [number, closedBy])).toEqual([
    [1, 'operator'],
    [2, null],
    [3, null],
  ])
  expect(review.chainFaults).toEqual([])
  expect(review.timeline.map(({ text }: { text: string }) => text)).toEqual(
    expect.arrayContaining([
      'operator added follow-up 1 for platform, due 2099-12-31: later',
      'operator closed follow-up 1: raised to 60 s',
    ]),
  )
})

test('a form that is sent twice, also at the same moment, adds one follow-up', async () => {
  const id = await openIncident(world)
  const sent = await Promise.all(Array.from({ length: 4 }, () => add(id, { text: 'once', owner: 'lead' })))
  expect(sent.map(({ json }) => json.number)).toEqual([1, 1, 1, 1])
  expect((await reviewOf(id)).followUps).toHaveLength(1)
})

test('different people who add follow-ups at the same moment get different numbers', async () => {
  const id = await openIncident(world)
  const sent = await Promise.all(['a', 'b', 'c', 'd'].map((text) => add(id, { text, owner: 'lead' })))
  expect(sent.map(({ json }) => json.number).sort()).toEqual([1, 2, 3, 4])
})

test.each([
  { text: ' ', owner: 'lead' },
  { text: 'x', owner: '' },
  { text: 'x' },
  { text: 'x', owner: 'lead', due: '2026-02-30' },
  { text: 'x', owner: 'lead', due: 'tomorrow' },
  { text: 'x\0', owner: 'lead' },
])('%j is refused', async (body) => {
  expect((await add(await openIncident(world), body)).status).toBe(400)
})

test('follow-ups of an incident that does not exist are 404, and one person can change only so many', async () => {
  expect((await add('INC-999999', { text: 'x', owner: 'lead' })).status).toBe(404)
  expect((await world.call('GET', '/v1/incidents/INC-999999/follow-ups')).status).toBe(404)
  const id = await openIncident(world)
  for (const text of ['1', '2', '3', '4', '5']) expect((await add(id, { text, owner: 'lead' })).status).toBe(200)
  expect((await add(id, { text: '6', owner: 'lead' })).status).toBe(429)
  expect((await add(id, { text: '6', owner: 'lead' }, 'lead')).status).toBe(200)
})

test('the last answer of each person counts', async () => {
  const id = await openIncident(world)
  const answer = (as: 'operator' | 'lead', body: object) =>
    world.call('POST', `/v1/incidents/${id}/feedback`, { body, as })
  await answer('operator', { helped: 'no' })
  await answer('operator', { helped: 'partly', comment: 'the cause was right' })
  await answer('operator', { helped: 'partly', comment: 'the cause was right' })
  await answer('lead', { helped: 'yes' })
  expect((await answer('lead', { helped: 'maybe' })).status).toBe(400)
  const { feedback, timeline } = await reviewOf(id)
  expect(feedback.map(({ person, helped, comment }: any) => [person, helped, comment])).toEqual([
    ['lead', 'yes', null],
    ['operator', 'partly', 'the cause was right'],
  ])
  expect(timeline.filter(({ kind }: { kind: string }) => kind === 'feedback')).toHaveLength(3)
})

test('a note can be about one event, which must exist', async () => {
  const id = await openIncident(world)
  const note = (about: number) =>
    world.call('POST', `/v1/incidents/${id}/notes`, { body: { text: 'the deploy', about } })
  expect((await note(1)).status).toBe(200)
  expect((await note(999)).status).toBe(400)
  const { notes, timeline } = await reviewOf(id)
  expect(notes).toMatchObject([{ body: 'the deploy', about: 1 }])
  expect(timeline.at(-1).text).toBe('operator, about event 1: the deploy')
})

test('a review names the other incidents of the type with the same key, cause or target', async () => {
  const [one, two] = [await openIncident(world), await openIncident(world)]
  for (const id of [one, two]) await openTestGate(world, id)
  const { recurrences } = await reviewOf(two)
  expect(recurrences.find(({ incident }: any) => incident === one)).toMatchObject({
    ...{ outcome: null, causes: ['anything'], targets: ['a', 'b'], sameKey: false },
  })
  const unlike = await openIncident(world)
  expect((await reviewOf(unlike)).recurrences).toEqual([])
})
