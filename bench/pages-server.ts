import pg from 'pg'
import { Current } from '../src/core/current.ts'
import { startApi } from '../src/http/serve.ts'
import { openBenchEngine, type BenchServers } from './servers.ts'

/** What `bench/pages.ts` asks of this process. */
export interface PagesServerRequest {
  servers: Pick<BenchServers, 'engineUrl' | 'diagnosedUrl' | 'temporal'>
  config: string
}

/** What this process has used since its start. */
export interface PagesServerUsage {
  /** The time during which at least one statement of PostgreSQL was running. */
  sqlMs: number
  statements: number
  cpuMs: number
  residentMb: number
}

let sqlMs = 0
let statements = 0
let running = 0
let runningSince = 0

/** A process of its own, so that the bench's own work is not counted. The first message starts it, each later one asks for its usage. */
process.once('message', (request: PagesServerRequest) => {
  countStatements()
  void serve(request).then((url) => {
    process.send!(url)
    process.on('message', () => process.send!(usage()))
  })
})
process.once('disconnect', () => process.exit(0))

async function serve({ servers, config }: PagesServerRequest): Promise<string> {
  const engine = await openBenchEngine(servers, config)
  return (await startApi(new Current(engine), { host: '127.0.0.1', port: 0 })).url
}

function countStatements(): void {
  const query = pg.Client.prototype.query as (...given: unknown[]) => unknown
  pg.Client.prototype.query = function (this: pg.Client, ...given: unknown[]) {
    const callback = given.at(-1)
    // A pool passes a callback, and a client inside a transaction returns a promise.
    if (typeof callback === 'function') {
      const end = began()
      const counted = (...found: unknown[]) => {
        end()
        callback(...found)
      }
      return query.apply(this, [...given.slice(0, -1), counted])
    }
    const found = query.apply(this, given)
    if (found instanceof Promise) {
      const end = began()
      found.then(end, end)
    }
    return found
  } as typeof pg.Client.prototype.query
}

/** Counts a statement that begins. Returns a function to call at its end. */
function began(): () => void {
  if (running === 0) runningSince = performance.now()
  running += 1
  statements += 1
  return () => {
    running -= 1
    if (running === 0) sqlMs += performance.now() - runningSince
  }
}

function usage(): PagesServerUsage {
  const { user, system } = process.cpuUsage()
  return { sqlMs, statements, cpuMs: (user + system) / 1_000, residentMb: process.memoryUsage().rss / 1024 / 1024 }
}
