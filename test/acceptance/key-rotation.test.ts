import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { publicKeyOf, signerNamedIn } from '../../src/gate/keyring.ts'
import { readEnvironmentFile } from '../../src/cli/installation/environment-file.ts'
import { approve, show, trigger, untilClosed, untilGate } from './operator.ts'
import { openShopWorld, type ShopWorld } from './shop-world.ts'
import { until } from './until.ts'

const RUNBOOK = `version: 1
runbook: paused
incident: paused
title: The queue is paused
inputs: {}
key: paused
symptom: queue.paused
diagnose:
  queue: { check: bullmq.queue, with: { connection: shop-queue } }
causes:
  - { cause: paused, title: The queue is paused, when: queue.paused, because: it is paused, remedy: resume }
remedies:
  resume:
    title: Resume the queue
    do:
      - { action: bullmq.resume, with: { connection: shop-queue } }
    approval: { by: [oncall], count: 2, within: 15m }
    verify: { again: [queue], until: "!queue.paused", within: 1m }
escalate: { to: [oncall], message: check }
`

let shop: ShopWorld

beforeAll(async () => {
  shop = await openShopWorld(inject('stack'), { paused: RUNBOOK })
})
afterAll(() => shop?.close())

test('the key is rotated between two approvals, and only the API restarts: both approvals count', async () => {
  await shop.queue.pause()
  const id = await trigger(shop.world, 'paused', {})
  const round = await untilGate(shop.world, id)
  const decide = ['approve', id, '--digest', round.gate!.proposalDigest.slice(0, 12)]
  await expect(shop.as('lead', ...decide)).rejects.toThrow('1 more needed')

  expect((await shop.world.runbook(['key', 'rotate'])).code).toBe(0)
  const fresh = publicKeyOf(readEnvironmentFile(shop.root).RUNBOOK_SIGNING_KEY!)
  // An API that starts now signs with the new key at once.
  await shop.world.installation.api.stop()
  await shop.world.installation.api.startAgain()
  await until('the worker accepts the new key', async () => {
    const { rows } = await shop.world.engine.query('SELECT FROM runbook.workers WHERE $1 = ANY(signing_keys)', [fresh])
    return rows.length > 0 ? true : undefined
  })
  await approve(shop.world, id, await untilGate(shop.world, id))

  expect(await untilClosed(shop.world, id)).toMatchObject({ outcome: 'resolved', rounds: [{ verified: true }] })
  expect((await show(shop.world, id)).rounds[0]!.effects).toMatchObject([{ result: 'applied' }])
  const { rows } = await shop.world.engine.query<{ token: string }>('SELECT token FROM runbook.decisions ORDER BY at')
  const signers = rows.map(({ token }) => signerNamedIn(token))
  expect(signers).toHaveLength(2)
  expect(signers[0]).not.toBe(fresh)
  expect(signers[1]).toBe(fresh)
})
