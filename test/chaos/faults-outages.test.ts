import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { until } from '../acceptance/until.ts'
import { openCuttingProxy } from './cutting-proxy.ts'
import { faultWorld, IN_FLIGHT } from './fault-world.ts'
import { byProfile, randomOf } from './profile.ts'

const faults = faultWorld()

test('restarting PostgreSQL every 5 to 10 s loses no incident, applies nothing twice and leaves the hash chains intact', async () => {
  const { world, traffic } = faults
  const random = randomOf('PostgreSQL restarted')
  await faults.startWorker()
  const incidents = byProfile(20, 500)
  let restarts = 0
  while (traffic.opened.length < incidents) {
    await traffic.fill(Math.min(IN_FLIGHT / 2, incidents - traffic.opened.length))
    await sleep(random.between(5_000, 10_000))
    await (random.below(2) === 0 ? world.stack.postgres.kill() : world.stack.postgres.stop())
    await world.stack.postgres.start()
    restarts += 1
  }
  expect(await faults.violations(`PostgreSQL restarted ${restarts} times`)).toEqual([])
})

test('cutting the connection after a COMMIT, before its response, applies nothing twice', async () => {
  const { world, traffic } = faults
  const random = randomOf('cut after COMMIT')
  const wanted = byProfile(10, 200)
  const writes = /INSERT INTO runbook|UPDATE runbook|record_evidence|append_events|close_without_gates/
  const proxy = await openCuttingProxy(Number(new URL(world.stack.postgres.url).port), (committed, cutsBefore) => {
    return cutsBefore < wanted && committed.some((one) => writes.test(one)) && random.below(4) === 0
  })
  try {
    await faults.startWorker({ env: world.throughProxy(proxy.port) })
    while (proxy.cuts.length < wanted) {
      await traffic.open()
      await traffic.fill(4)
      await sleep(200)
    }
    expect(await faults.violations(`${wanted} connections cut after COMMIT`)).toEqual([])
    expect(proxy.cuts).toHaveLength(wanted)
  } finally {
    await faults.stopWorker()
    await proxy.close()
  }
})

test('killing and restarting Temporal loses no incident; decisions and incidents during the outage take effect once', async () => {
  const { world, traffic } = faults
  const random = randomOf('Temporal restarted')
  await faults.startWorker()
  for (let restarts = 0; restarts < byProfile(2, 10); restarts += 1) {
    traffic.deciding = false
    await traffic.fill(IN_FLIGHT)
    await sleep(random.between(1_000, 4_000))
    await world.stack.temporal.kill()
    await traffic.open()
    // Open gates are decided while Temporal is down.
    traffic.deciding = true
    await sleep(random.between(1_000, 3_000))
    await world.stack.temporal.start()
  }
  expect(await faults.violations('Temporal killed')).toEqual([])
})

test('a decision made while no worker runs takes effect once, after a worker starts', async () => {
  const { traffic } = faults
  for (let round = 0; round < byProfile(2, 20); round += 1) {
    const worker = await faults.startWorker()
    traffic.deciding = false
    const openedBefore = traffic.opened.length
    await Promise.all([traffic.open(), traffic.open(), traffic.open()])
    await untilGatesAre(
      traffic.opened.slice(openedBefore).map((one) => one.incident),
      'open',
    )
    worker.signal('SIGKILL')
    await worker.ended
    traffic.deciding = true
    await untilGatesAre(
      traffic.opened.slice(openedBefore).map((one) => one.incident),
      'approved',
    )
  }
  await faults.startWorker()
  expect(await faults.violations('decided without a worker')).toEqual([])
})

async function untilGatesAre(incidents: string[], state: 'open' | 'approved'): Promise<void> {
  await until(`gates of ${incidents.join(', ')} are ${state}`, async () => {
    const { rowCount } = await faults.world.engine.database.query(
      'SELECT FROM runbook.gates WHERE incident = ANY ($1) AND state = $2',
      [incidents, state],
    )
    return rowCount === incidents.length ? true : undefined
  })
}
