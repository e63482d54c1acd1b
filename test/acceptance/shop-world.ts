import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Queue, Worker } from 'bullmq'
import { startInstallation } from '../../src/cli/installation/start-installation.ts'
import { main } from '../../src/cli/main.ts'
import { provisionDatabase } from '../../src/engine/setup/provision.ts'
import type { TestStack } from '../support/global-stack.ts'
import { registerNamespace } from '../support/namespace.ts'
import { fakeTerminal } from '../unit/cli/fake-terminal.ts'
import { startFakeSlack } from './slack.ts'
import { deleteData, randomPort, worldOf, type World } from './world.ts'

/** The system that the recipes of the cookbook diagnose, with a real worker and API. */
export interface ShopWorld {
  world: World
  /** The folder of the project. */
  root: string
  gateway: Gateway
  /** The queue of `shop-queue`. */
  queue: Queue
  /** Starts a worker of the queue, which ends with the world. */
  work(job: () => Promise<unknown>): Worker
  /** Runs a command as this person. Throws what it prints if its exit code is not 0. */
  as(person: Person, ...argv: string[]): Promise<void>
  close(): Promise<void>
}

type Person = 'operator' | 'lead' | 'third'

/** The service behind the connection `gateway`. It can be stopped and started on its port. */
export interface Gateway {
  state: { health: number; delayMs: number; billing: 'running' | 'stopped' }
  start(): Promise<void>
  stop(): Promise<void>
}

const TABLES = `
  CREATE TABLE orders (id text PRIMARY KEY, state text NOT NULL, version integer NOT NULL DEFAULT 1, job_id text,
    updated_at timestamptz NOT NULL DEFAULT now());
  CREATE TABLE labels (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, order_id text NOT NULL, state text NOT NULL);
  CREATE TABLE sales (ends_at timestamptz NOT NULL);
  CREATE TABLE debts (amount numeric NOT NULL, written_off timestamptz);
`

const config = (prefix: string) => `
database: \${RUNBOOK_DATABASE_URL}
runbooks: [runbooks]
connections:
  shop-db: { kind: postgres, read: '\${SHOP_DB_READ}', write: '\${SHOP_DB_WRITE}', ledger: target }
  shop-queue: { kind: bullmq, read: '\${SHOP_REDIS_READ}', write: '\${SHOP_REDIS_WRITE}', prefix: ${prefix}, queue: packing }
  shop-logs: { kind: logs, files: ['logs/*.jsonl'] }
  shop-ctl: { kind: process, cwd: ., commands: { restart: [node, restart.mjs] } }
  gateway: { kind: http, url: '\${GATEWAY_URL}' }
people:
  operator: { token: '\${OPERATOR}', groups: [oncall] }
  lead: { token: '\${LEAD}', groups: [oncall] }
  third: { token: '\${THIRD}', groups: [oncall] }
requesterMayApprove: true
channels: { oncall: { slack: '\${SLACK_WEBHOOK}' } }
`

export async function openShopWorld(stack: TestStack, runbooks: Record<string, string>): Promise<ShopWorld> {
  const name = `shop_${randomBytes(3).toString('hex')}`
  const prefix = name.replace('_', '-')
  const names = { engine: `${name}_e`, maestro: `${name}_s` }
  const root = mkdtempSync(join(tmpdir(), 'runbook-shop-'))
  await registerNamespace(stack.temporalAddress, prefix)
  const slack = await startFakeSlack()
  const gateway = await makeGateway()
  const control = await startControl(gateway)
  for (const folder of ['runbooks', 'logs', '.runbook']) mkdirSync(join(root, folder))
  writeFileSync(join(root, 'runbook.config.yaml'), config(prefix))
  writeFileSync(join(root, 'restart.mjs'), `await fetch('http://127.0.0.1:${portOf(control)}/')\n`)
  for (const [file, text] of Object.entries(runbooks)) writeFileSync(join(root, 'runbooks', `${file}.yaml`), text)
  await prepareShop(stack, root, names.maestro)
  const installation = await startInstallation({
    root,
    temporal: 'memory',
    maestro: false,
    stack: {
      postgres: { url: stack.postgresUrl },
      redis: { url: stack.redisUrl },
      temporal: { address: stack.temporalAddress, namespace: prefix },
    },
    names,
    env: {
      RUNBOOK_URL: `http://127.0.0.1:${randomPort()}`,
      SLACK_WEBHOOK: slack.url,
      GATEWAY_URL: `http://127.0.0.1:${gateway.port}`,
    },
    log: (line) => console.log(`  ${line}`),
  })
  const world = worldOf(installation, slack, names)
  const connection = { url: stack.redisUrl, maxRetriesPerRequest: null }
  const queue = new Queue('packing', { prefix, connection })
  const workers: Worker[] = []
  return {
    world,
    root,
    gateway,
    queue,
    work(job) {
      const worker = new Worker('packing', job, { prefix, connection }).on('error', () => {})
      workers.push(worker)
      return worker
    },
    async as(person, ...argv) {
      const { RUNBOOK_URL } = installation.env
      const env = { RUNBOOK_URL, RUNBOOK_TOKEN: installation.env[person.toUpperCase()] }
      const { code, err } = await world.runbook(argv, { env })
      if (code !== 0) throw new Error(`${person}: ${argv.join(' ')}: ${err}`)
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.close()))
      await queue.close()
      await world.close()
      await Promise.all([slack.close(), gateway.stop(), closeServer(control)])
      await deleteData(stack, names, prefix)
      rmSync(root, { recursive: true, force: true })
    },
  }
}

/** Creates the shop's database and the logins of the engine, with the command that users have for this. */
async function prepareShop(stack: TestStack, root: string, database: string): Promise<void> {
  const owner = await provisionDatabase(stack.postgresUrl, database, database)
  const { default: pg } = await import('pg')
  const client = new pg.Client({ connectionString: owner })
  await client.connect()
  await client.query(TABLES)
  await client.end()
  const admin = new URL(stack.postgresUrl)
  admin.pathname = `/${database}`
  for (const [connection, url] of [
    ['shop-db', admin.href],
    ['shop-queue', stack.redisUrl],
  ] as const) {
    const terminal = fakeTerminal({ cwd: root, env: { RUNBOOK_ADMIN_URL: url } })
    const code = await main(['connection', 'prepare', connection, '--revoke-from-public'], terminal)
    if (code !== 0) throw new Error(`connection prepare ${connection}: ${terminal.err}`)
  }
}

async function makeGateway(): Promise<Gateway & { port: number }> {
  const state: Gateway['state'] = { health: 200, delayMs: 0, billing: 'running' }
  let server: Server | undefined
  let port = 0
  const gateway = {
    state,
    port,
    async start() {
      server ??= createServer((request, response) => {
        setTimeout(() => answer(request.method, request.url), state.delayMs)
        const answer = (method: string | undefined, path: string | undefined) => {
          if (path === '/health') return response.writeHead(state.health).end()
          if (method === 'POST') state.billing = 'stopped'
          response.writeHead(method === 'POST' ? 202 : 200, { 'content-type': 'application/json' })
          response.end(JSON.stringify({ state: state.billing }))
        }
      })
      if (server.listening) return
      server.listen(port, '127.0.0.1')
      await once(server, 'listening')
      port = portOf(server)
    },
    async stop() {
      if (server?.listening) await closeServer(server)
      server = undefined
    },
  }
  // The service is started once, so that its port is known while it is stopped.
  await gateway.start()
  gateway.port = port
  return gateway
}

/** The program that the command of `shop-ctl` runs: it starts the gateway again. */
async function startControl(gateway: Gateway): Promise<Server> {
  const server = createServer((_, response) => void gateway.start().then(() => response.end()))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

async function closeServer(server: Server): Promise<void> {
  server.closeAllConnections()
  await new Promise((done) => server.close(done))
}
