import { expect, test, vi, type Mock } from 'vitest'
import { healthRoutes } from '../../../src/http/routes/health.ts'

type Engine = Parameters<typeof healthRoutes>[0]

function engine(answer: () => Promise<unknown>): { engine: Engine; asked: Mock<() => Promise<unknown>> } {
  const asked = vi.fn<() => Promise<unknown>>(answer)
  const temporal = { connection: { workflowService: { getSystemInfo: async () => ({}) } } }
  return { engine: { database: { query: asked }, temporal } as unknown as Engine, asked }
}

const ONE = { rows: [{ id: 'engine-1' }] }

test('/readyz names the engine, by which the API of another installation is noticed', async () => {
  const answer = await healthRoutes(engine(async () => ONE).engine).request('/readyz')
  expect(await answer.json()).toEqual({ status: 'ok', database: 'ok', temporal: 'ok', engine: 'engine-1' })
})

test('a hundred requests to /readyz ask the database once', async () => {
  const { engine: answering, asked } = engine(async () => ONE)
  const app = healthRoutes(answering)
  const answers = await Promise.all(Array.from({ length: 100 }, () => app.request('/readyz')))
  expect(answers.every(({ status }) => status === 200)).toBe(true)
  expect((await app.request('/readyz')).status).toBe(200)
  expect(asked).toHaveBeenCalledTimes(1)
})

test('/readyz asks again after a second, and then shows that the database does not answer', async () => {
  let isUp = true
  const { engine: changing, asked } = engine(async () => {
    if (!isUp) throw new Error('down')
    return ONE
  })
  vi.spyOn(console, 'error').mockImplementation(() => {})
  const clock = vi.spyOn(performance, 'now').mockReturnValue(0)
  const app = healthRoutes(changing)
  expect((await app.request('/readyz')).status).toBe(200)
  isUp = false
  clock.mockReturnValue(999)
  expect((await app.request('/readyz')).status).toBe(200)
  clock.mockReturnValue(1_001)
  expect((await app.request('/readyz')).status).toBe(503)
  expect(asked).toHaveBeenCalledTimes(2)
  vi.restoreAllMocks()
})
