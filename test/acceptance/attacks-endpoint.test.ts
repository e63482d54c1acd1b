import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { openAttackWorld, type AttackWorld } from './attack-world.ts'
import { review, trigger, untilClosed } from './operator.ts'

/** A runbook that reads an endpoint which an attacker controls. No answer of the endpoint may be taken for a healthy or a congested queue. */
const LOOKING = `version: 1
runbook: looking
incident: looking
title: The queue is long
owner: tests
inputs: { attack: { type: string } }
key: looking/\${{ inputs.attack }}
diagnose:
  metrics:
    check: metrics.scrape
    with: { connection: hostile, names: [queue_length] }
    timeout: 4s
  health:
    check: http.get
    with: { connection: hostile, path: /health }
    timeout: 4s
causes:
  - cause: long
    title: The queue is long
    when: metrics.rows.exists(r, r.value > 100.0)
    because: the queue is long
    remedy: none
otherwise: escalate
rounds: { again: 0 }
escalate: { to: [platform-support], message: nothing was found }
`

const MB = 1024 * 1024
/** A compressed body of a few hundred kilobytes that expands to 300 MB. */
const BOMB = gzipSync(Buffer.alloc(300 * MB, 'a'), { level: 9 })

function* endlessBody(): Generator<string> {
  for (;;) yield 'queue_length 500 '.repeat(4_000)
}

const ATTACKS: Record<string, (response: ServerResponse, isMetrics: boolean) => void | Promise<void>> = {
  'lines that a naive parser needs quadratic time for': (response, isMetrics) => {
    const quotes = `queue_length{a="${'\\\\"'.repeat(200_000)}`
    response.end(isMetrics ? `queue_length 5\n${' '.repeat(400_000)}x\n${quotes}\n` : ' '.repeat(400_000))
  },
  'numbers beyond all numbers': (response, isMetrics) => {
    if (isMetrics) return void response.end('queue_length 1e999\nqueue_length{a="b"} +Inf\nqueue_length{a="c"} NaN\n')
    response.setHeader('content-type', 'application/json').end('{"n": 1e999}')
  },
  'JSON with 3,000 levels': (response) => {
    response.setHeader('content-type', 'application/json').end(`${'['.repeat(3_000)}1${']'.repeat(3_000)}`)
  },
  // The stream ends with an error when the client closes the connection.
  'an endless body': (response) => pipeline(endlessBody, response).catch(() => {}),
  'a body that drips': async (response) => {
    while (!response.destroyed) {
      response.write('q')
      await sleep(100)
    }
  },
  'a body that expands when it is unpacked': (response) => {
    response.setHeader('content-encoding', 'gzip').end(BOMB)
  },
  'a redirect to a private address': (response) => {
    response.writeHead(302, { location: `http://127.0.0.1:${portOf(privateServer)}/metrics` }).end()
  },
}

let attack: string
let hitsOfPrivate = 0
const hostile = createServer((request, response) => {
  response.on('error', () => {})
  void ATTACKS[attack]!(response, request.url === '/metrics')
})
const privateServer = createServer((_, response) => {
  hitsOfPrivate += 1
  response.end('queue_length 500\n')
})
let world: AttackWorld

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

beforeAll(async () => {
  for (const server of [hostile, privateServer]) {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
  }
  world = await openAttackWorld(inject('stack'), {
    runbooks: { 'looking.yaml': LOOKING },
    env: { HOSTILE_URL: `http://127.0.0.1:${portOf(hostile)}` },
    configure: (config) => config.setIn(['connections', 'hostile'], { kind: 'http', url: '${HOSTILE_URL}' }),
  })
}, 240_000)

afterAll(async () => {
  for (const server of [hostile, privateServer]) {
    server.closeAllConnections()
    server.close()
  }
  await world?.close()
})

test.each(Object.keys(ATTACKS))('%s: the incident ends and is escalated, and others go on meanwhile', async (name) => {
  attack = name
  const id = await trigger(world, 'looking', { attack: name })
  await world.resolveAnother()
  const closed = await untilClosed(world, id)
  expect(closed).toMatchObject({ outcome: 'escalated', rounds: [{ effects: [] }] })
  const { evidence } = await review(world, id)
  expect(evidence.map((one) => one.name).toSorted()).toEqual(['health', 'metrics'])
  expect(hitsOfPrivate).toBe(0)
  await world.expectUnharmed()
})

test('after all attacks the worker has used less than 1 GB of memory', () => {
  const status = readFileSync(`/proc/${world.installation.worker.pid}/status`, 'utf8')
  const peakKb = Number(/VmHWM:\s+(\d+) kB/.exec(status)![1])
  expect(peakKb).toBeLessThan(1_000_000)
})
