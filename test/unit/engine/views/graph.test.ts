import { expect, test } from 'vitest'
import { loadRunbooks } from '../../../../src/language/load.ts'
import { graphOf } from '../../../../src/engine/views/graph.ts'

const connections = {
  'maestro-db': 'postgres',
  'maestro-queue': 'bullmq',
  'maestro-logs': 'logs',
  'maestro-ctl': 'process',
  'ml-inference': 'http',
  maestro: 'http',
} as const
const loaded = loadRunbooks(['runbooks'], { connections, channels: ['platform-support'] })
const { plan } = loaded.byName.get('stuck-runs')!

test('every edge joins two nodes of the graph', () => {
  const graph = graphOf(plan)
  const ids = new Set(graph.columns.flatMap(({ nodes }) => nodes.map(({ id }) => id)))
  expect(ids.size).toBeGreaterThan(6)
  for (const { from, to } of graph.edges) expect([ids.has(from), ids.has(to)], `${from} → ${to}`).toEqual([true, true])
  expect(graph.edges.some(({ taken }) => taken)).toBe(false)
})

test('the path leads from the checks that the treated cause reads to what is done about it', () => {
  const [cause] = plan.causes
  const causes = plan.causes.map(({ name }) => ({ cause: name, holds: name === cause!.name }))
  const graph = graphOf(plan, {
    checks: [{ name: plan.checks[0]!.name, status: 'timeout' }],
    causes,
    cause: cause!.name,
  })
  const taken = graph.edges.filter((edge) => edge.taken)
  expect(taken.filter(({ from }) => from === `cause/${cause!.name}`)).toHaveLength(1)
  for (const check of cause!.when!.checks)
    expect(taken).toContainEqual({ from: `check/${check}`, to: `cause/${cause!.name}`, taken: true })
  expect(graph.columns[0]!.nodes[0]!.state).toMatch(/: timeout$/)
  expect(graph.columns[1]!.nodes.map(({ state }) => state).slice(0, 2)).toEqual(['holds', 'ruled out'])
})

test('if no cause holds, the path leads to the ending for that', () => {
  const causes = plan.causes.map(({ name }) => ({ cause: name, holds: false as const }))
  const graph = graphOf(plan, { checks: [], causes, cause: null })
  expect(graph.edges.filter(({ taken }) => taken)).toEqual([expect.objectContaining({ from: 'cause/' })])
})
