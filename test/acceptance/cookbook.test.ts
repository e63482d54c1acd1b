import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest'
import { completeRecipe, page, snippets } from '../support/cookbook.ts'
import { approve, show, trigger, untilClosed, untilGate } from './operator.ts'
import { openShopWorld, type ShopWorld } from './shop-world.ts'
import { until } from './until.ts'

/** The recipes in the cookbook; `recipe-2` and `recipe-2b` are the two runbooks of recipe 2. */
const recipes: Record<string, string> = {}
for (const { heading, text } of snippets(page('cookbook.md'))) {
  const name = `recipe-${Number.parseInt(heading, 10)}`
  const free = name in recipes ? `${name}b` : name
  recipes[free] = completeRecipe(text, free)
}

const MANUAL = '      - { action: manual, once: true, with: { instructions: Tell the shop } }\n'

/** The runbook to which recipe 9 hands off. */
const CONGESTION = `version: 1
runbook: queue-congestion
incident: queue-congestion
title: The queue is congested
inputs: { length: { type: int } }
key: queue-congestion
diagnose:
  queue: { check: bullmq.queue, with: { connection: shop-queue } }
causes:
  - { cause: long, title: The queue is long, when: inputs.length > 0, because: it is long, remedy: none }
escalate: { to: [oncall], message: check }
`

let shop: ShopWorld
const sql = (text: string, params: unknown[] = []) => shop.world.maestro.query(text, params)

beforeAll(async () => {
  shop = await openShopWorld(inject('stack'), {
    ...recipes,
    'recipe-6-manual': completeRecipe(
      snippets(page('cookbook.md'))
        .find(({ heading }) => heading.startsWith('6.'))!
        .text.replace('    do:\n', `    do:\n${MANUAL}`),
      'recipe-6-manual',
    ),
    'queue-congestion': CONGESTION,
  })
})
afterAll(() => shop?.close())

const open = (recipe: string, inputs: Record<string, string> = {}) => trigger(shop.world, recipe, inputs)
const closed = (id: string) => untilClosed(shop.world, id)

/** Opens an incident and waits until it is closed without a gate. */
async function outcomeOf(recipe: string, inputs: Record<string, string> = {}) {
  const { outcome, rounds } = await closed(await open(recipe, inputs))
  return [outcome, rounds.at(-1)!.causes.find(({ holds }) => holds === true)?.cause]
}

/** Opens an incident, and approves its proposal. */
async function approved(recipe: string) {
  const id = await open(recipe)
  const round = await untilGate(shop.world, id)
  await approve(shop.world, id, round)
  return { id, round }
}

const VERIFIED = { outcome: 'resolved', rounds: [{ verified: true }] }
const applied = (count: number) => ({
  ...VERIFIED,
  rounds: [{ verified: true, effects: Array.from({ length: count }, () => ({ result: 'applied' })) }],
})

/** Repeats a statement until the test has finished, in place of a service of the shop. */
function service(statement: string): void {
  let stopped = false
  const run = async () => {
    for (;;) {
      if (stopped) return
      await sql(statement)
      await sleep(100)
    }
  }
  const running = run()
  onTestFinished(async () => {
    stopped = true
    await running
  })
}

describe('each recipe of the cookbook works on real servers', () => {
  test('1: an incident about one item, and another about all', async () => {
    await sql(`INSERT INTO orders VALUES ('late-1', 'LATE'), ('late-2', 'LATE')`)
    const one = await closed(await open('recipe-1', { order: 'late-1' }))
    const all = await closed(await open('recipe-1'))
    expect([one, all].map(({ key, rounds }) => [key, rounds[0]!.checks[0]!.rows])).toEqual([
      ['late-order/late-1', 1],
      ['late-order/all', 2],
    ])
  })

  test('2: stuck orders are packed again, except the one that changed meanwhile', async () => {
    await sql(`INSERT INTO orders (id, state, updated_at) SELECT 'stuck-' || n, 'PACKING', now() - interval '3 hours'
      FROM generate_series(1, 3) n`)
    const id = await open('recipe-2')
    const round = await untilGate(shop.world, id)
    await sql(`UPDATE orders SET state = 'PACKED', updated_at = now() WHERE id = 'stuck-2'`)
    service(`UPDATE orders SET state = 'PACKED', updated_at = now() WHERE state = 'QUEUED'`)
    await approve(shop.world, id, round)
    expect(await closed(id)).toMatchObject(applied(2))
  })

  test('2, own SQL: missing labels are requested', async () => {
    await sql(`INSERT INTO orders (id, state) VALUES ('unlabelled-1', 'PACKED'), ('unlabelled-2', 'PACKED')`)
    await sql(`INSERT INTO labels (order_id, state) SELECT id, 'PRINTED' FROM orders WHERE id LIKE 'stuck-%'`)
    service(`UPDATE labels SET state = 'PRINTED' WHERE state = 'WANTED'`)
    expect(await closed((await approved('recipe-2b')).id)).toMatchObject(applied(2))
  })

  test('3: rows of two systems are joined', async () => {
    const job = await shop.queue.add('pack', {})
    await sql(`INSERT INTO orders (id, state, job_id) VALUES ('p-1', 'PACKING', 'gone'), ('p-2', 'PACKING', $1)`, [
      job.id,
    ])
    const incident = await closed(await open('recipe-3'))
    expect(incident).toMatchObject({ outcome: 'escalated' })
    expect(JSON.stringify(incident.rounds[0]!.causes)).toContain('1 orders wait for a job that is gone')
    await job.remove()
    await sql(`DELETE FROM orders`)
  })

  test('4: down, unhealthy and slow are distinguished', async () => {
    await shop.gateway.stop()
    expect(await outcomeOf('recipe-4')).toEqual(['escalated', 'gateway-down'])
    shop.gateway.state.health = 503
    await shop.gateway.start()
    expect(await outcomeOf('recipe-4')).toEqual(['escalated', 'gateway-unhealthy'])
    Object.assign(shop.gateway.state, { health: 200, delayMs: 1_500 })
    expect(await outcomeOf('recipe-4')).toEqual(['escalated', 'gateway-slow'])
    shop.gateway.state.delayMs = 0
  })

  test('5: a paused queue that drains fast is resumed, although the logs cannot be read', async () => {
    await shop.queue.pause()
    await shop.queue.addBulk(Array.from({ length: 20 }, () => ({ name: 'pack', data: {} })))
    const worker = shop.work(async () => {})
    const { id, round } = await approved('recipe-5')
    expect(round.checks.find(({ name }) => name === 'logs')).toMatchObject({ status: 'failed' })
    expect(await closed(id)).toMatchObject(applied(1))
    await worker.close()
  })

  describe('6: failed jobs are retried a few at a time, when the gateway is healthy again', () => {
    test.each(['recipe-6', 'recipe-6-manual'])('%s', async (recipe) => {
      await shop.gateway.stop()
      await failJobs(12)
      const { id } = await approved(recipe)
      if (recipe === 'recipe-6-manual') {
        await until('the step waits for a person', async () => {
          const { manualSteps } = await show(shop.world, id)
          return manualSteps.length === 1 ? true : undefined
        })
        await shop.as('operator', 'done', id)
      }
      await until('people are notified', async () =>
        shop.world.slack.messages.some((text) => text.includes('The failed jobs will be retried')) ? true : undefined,
      )
      expect(await shop.queue.getFailedCount()).toBe(12)
      await shop.gateway.start()
      const worker = shop.work(async () => {})
      const incident = await closed(id)
      expect(incident).toMatchObject(VERIFIED)
      const retries = incident.rounds[0]!.effects.filter(({ action }) => action.endsWith('bullmq.retry'))
      expect(retries.map(({ result }) => result)).toEqual(Array.from({ length: 12 }, () => 'applied'))
      await worker.close()
      await shop.queue.obliterate({ force: true })
      shop.world.slack.messages.length = 0
    })
  })

  test('7: a service that does not answer is restarted', async () => {
    await shop.gateway.stop()
    expect(await closed((await approved('recipe-7')).id)).toMatchObject(applied(1))
  })

  test('8: a person does the step and answers the form', async () => {
    const file = join(shop.root, 'logs', 'shop.jsonl')
    const line = JSON.stringify({ time: new Date().toISOString(), level: 'error', msg: 'no label' })
    writeFileSync(file, `${line}\n`.repeat(101))
    const id = await open('recipe-8')
    await until('the step waits for a person', async () => {
      const { manualSteps } = await show(shop.world, id)
      return manualSteps.length === 1 ? true : undefined
    })
    await shop.as('operator', 'done', id, '--form', 'version=1.14.2')
    rmSync(file)
    const { outcome } = await closed(id)
    expect(outcome).toBe('resolved')
    expect((await shop.world.runbook(['review', id])).out).toContain('1.14.2')
  })

  test('9: a queue that does not move is handed over, and a sale needs no action', async () => {
    await shop.queue.add('pack', {})
    const handed = await closed(await open('recipe-9'))
    expect(handed).toMatchObject({ outcome: 'handed-off' })
    await sql(`INSERT INTO sales VALUES (now() + interval '1 hour')`)
    let end = () => {}
    const worker = shop.work(() => new Promise<void>((resolve) => (end = resolve)))
    await until('the job is active', async () => ((await shop.queue.getActiveCount()) === 1 ? true : undefined))
    expect(await outcomeOf('recipe-9')).toEqual(['no-action', 'sale-is-on'])
    end()
    await worker.close()
  })

  test('10: the requester cannot approve, and two others must', async () => {
    await sql(`INSERT INTO debts VALUES (3.5), (4)`)
    const id = await open('recipe-10')
    const { gate } = await untilGate(shop.world, id)
    const decide = ['approve', id, '--digest', gate!.proposalDigest.slice(0, 12)]
    await expect(shop.as('operator', ...decide)).rejects.toThrow(/opened the incident/)
    await expect(shop.as('lead', ...decide)).rejects.toThrow('1 more needed')
    expect((await show(shop.world, id)).rounds[0]!.gate).toMatchObject({ state: 'open' })
    await shop.as('third', ...decide)
    expect(await closed(id)).toMatchObject({ rounds: [{ verified: true, effects: [{ result: 'applied' }] }] })
    expect(shop.gateway.state.billing).toBe('stopped')
  })
})

/** Jobs that fail as they do when the gateway is down. */
async function failJobs(count: number): Promise<void> {
  await shop.queue.addBulk(Array.from({ length: count }, () => ({ name: 'pack', data: {} })))
  const worker = shop.work(async () => {
    throw new Error('connect ECONNREFUSED 127.0.0.1:443')
  })
  await until('the jobs have failed', async () => ((await shop.queue.getFailedCount()) === count ? true : undefined))
  await worker.close()
}
