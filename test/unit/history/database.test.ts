import { createServer, type Server } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import { openDatabase, statement, transaction } from '../../../src/history/database.ts'
import { openPostgres } from '../../../src/targets/open-postgres.ts'
import { Secret } from '../../../src/config/secret.ts'

const message = (type: string, body: Buffer) => {
  const head = Buffer.alloc(5)
  head.write(type)
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}
const AUTHENTICATED = message('R', Buffer.alloc(4))
const READY = message('Z', Buffer.from('I'))
const FATAL = message('E', Buffer.from('SFATAL\0C57P01\0Mterminating connection due to administrator command\0\0'))

/** Sends the ready message and the fatal error in one packet, so that the client cannot add an error listener between them. */
let server: Server
beforeEach(async () => {
  server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.end(Buffer.concat([AUTHENTICATED, READY, FATAL])))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterEach(() => new Promise<unknown>((resolve) => server.close(resolve)))

const url = () => `postgres://x@127.0.0.1:${(server.address() as AddressInfo).port}/x`

test('a connection that ends while the pool hands it over rejects the query and does not crash the process', async () => {
  const database = openDatabase(url())
  for (let i = 0; i < 5; i += 1) {
    await expect(statement(database, (one) => one.query('SELECT 1'))).rejects.toMatchObject({
      code: 'RUNBOOK_UNREACHABLE',
    })
    await expect(transaction(database, (one) => one.query('SELECT 1'))).rejects.toMatchObject({
      code: 'RUNBOOK_UNREACHABLE',
    })
    await expect(database.query('SELECT 1')).rejects.toThrow()
  }
  await database.end()
})

test('the same failure of a diagnosed database does not crash the process either', async () => {
  const secret = new Secret(url(), 'a test', url(), [])
  const opening = openPostgres('db', 'read', secret, { ledger: 'target', redact: [] })
  const use = opening.then(({ pool }) => pool.query('SELECT 1').finally(() => pool.end()))
  await expect(use).rejects.toThrow()
})

test('a database that stops answering is reported as unreachable after the answer timeout, and its connection is not reused', async () => {
  let connections = 0
  const silent = createServer((socket) => {
    connections += 1
    socket.on('error', () => {})
    // The server accepts the login and then answers no query.
    socket.once('data', () => socket.write(Buffer.concat([AUTHENTICATED, READY])))
  })
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void silent.close())
  const port = (silent.address() as AddressInfo).port
  const database = openDatabase(`postgres://x@127.0.0.1:${port}/x`, { answerMs: 200 })
  const started = performance.now()
  const unreachable = {
    code: 'RUNBOOK_UNREACHABLE',
    message: expect.stringContaining("the engine's database does not answer"),
  }
  await expect(statement(database, (one) => one.query('SELECT 1'))).rejects.toMatchObject(unreachable)
  await expect(transaction(database, (one) => one.query('SELECT 1'))).rejects.toMatchObject(unreachable)
  await expect(database.query('SELECT 1')).rejects.toThrow('Query read timeout')
  expect(performance.now() - started).toBeLessThan(3_000)
  expect(connections).toBe(3)
  await database.end()
})
