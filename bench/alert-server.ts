import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import pg from 'pg'
import { Current } from '../src/core/current.ts'
import { startApi } from '../src/http/serve.ts'
import { HOOK_BEARER, openBenchEngine, type BenchServers } from './servers.ts'

/** What `bench/alerts.ts` asks of this process. */
export interface AlertServerRequest {
  servers: Pick<BenchServers, 'engineUrl' | 'diagnosedUrl' | 'temporal'>
  /** The engine's API with this configuration file; undefined: the plain server. */
  config?: string
}

interface PlainAlert {
  fingerprint: string
  labels: Record<string, string>
  startsAt: string
}

/** A process of its own, so that sending does not take the processor time of receiving. Reports its address to its parent. */
process.once('message', (request: AlertServerRequest) => {
  void serve(request).then((url) => process.send!(url))
})
process.once('disconnect', () => process.exit(0))

async function serve({ servers, config }: AlertServerRequest): Promise<string> {
  if (config === undefined) return servePlain(servers.diagnosedUrl)
  const engine = await openBenchEngine(servers, config)
  return (await startApi(new Current(engine), { host: '127.0.0.1', port: 0 })).url
}

/** The least that a server can do with alerts: one `INSERT … ON CONFLICT` for each, answered after its commit. */
async function servePlain(url: string): Promise<string> {
  const pool = new pg.Pool({ connectionString: url, max: 10 })
  await pool.query(
    `CREATE TABLE IF NOT EXISTS plain_alerts (fingerprint text PRIMARY KEY, labels text NOT NULL, starts_at timestamptz, count bigint NOT NULL DEFAULT 1)`,
  )
  const server = createServer(async (request, response) => {
    if (request.headers.authorization !== `Bearer ${HOOK_BEARER}`) return response.writeHead(401).end()
    const { alerts } = JSON.parse(await textOf(request)) as { alerts: PlainAlert[] }
    for (const { fingerprint, labels, startsAt } of alerts)
      await pool.query(
        `INSERT INTO plain_alerts AS a (fingerprint, labels, starts_at) VALUES ($1, $2, $3)
         ON CONFLICT (fingerprint) DO UPDATE SET count = a.count + 1, labels = excluded.labels, starts_at = excluded.starts_at`,
        [fingerprint, JSON.stringify(labels), startsAt],
      )
    return response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}
