import { z } from 'zod'
import { DEFAULT_POSTGRES_CONNECTIONS, DEFAULT_REDIS_CONNECTIONS } from './config.ts'
import { address, duration, names, secret } from './field-types.ts'
import { plain } from './plain.ts'

// The characters that BullMQ accepts, without those that are wildcards in the patterns of `connection prepare`.
const queueName = plain.regex(/^[^:*?[\]\\\p{Cc}]+$/u, 'do not use ":", wildcards (* ? [ ]) or "\\"')
const keyPrefix = plain.regex(/^[^\s*?[\]\\]+$/, 'do not use spaces, wildcards (* ? [ ]) or "\\"')
const glob = plain.refine((text) => !text.includes('**'), '"**" is not supported: use * and ? within one directory')

const timeZone = plain.refine(isTimeZone, 'not the name of a time zone, such as Europe/Berlin or UTC')

const redact = z
  .array(plain)
  .default([])
  .describe(
    'Names of fields and columns to hide, at any depth, before anything is stored. A string becomes `[redacted]`; a number or boolean becomes null. With this setting, an HTTP response body is stored only if it is complete JSON.',
  )

const read = address.describe(
  'The address with a read-only login, for checks. `runbook connection prepare` creates the login.',
)

const write = address
  .optional()
  .describe(
    'The address with a login that can write, for approved actions. Without it, no action can change this system.',
  )

const sentinel = z
  .strictObject({
    name: plain.describe('The name of the primary in the configuration of the sentinels, such as `mymaster`.'),
    addresses: z
      .array(plain.refine((text) => !text.includes('/') && URL.canParse(`redis://${text}`), 'write host:port'))
      .min(1)
      .describe('`host:port` of each sentinel. They are asked in this order.'),
    password: secret.optional().describe('The password of the sentinels themselves, as `${NAME}`.'),
  })
  .optional()
  .describe(
    'Redis Sentinel: the sentinels name the current primary, so the host and port of `read` and `write` are not used.',
  )

const environment = plain
  .optional()
  .describe(
    'The environment of this system, such as `production`, for `policy`. If absent, the `environment` of the installation.',
  )

const connections = (least: number, most: number) => z.int().min(least).max(1_000).default(most)

const postgresConnections = z
  .strictObject({
    read: connections(1, DEFAULT_POSTGRES_CONNECTIONS.read).describe('Connections with the read login, for checks.'),
    write: connections(1, DEFAULT_POSTGRES_CONNECTIONS.write).describe(
      'Connections with the write login, for actions.',
    ),
  })
  .prefault({})
  .describe(
    'How many connections one process may have to this database. Each worker and each API process counts. Further checks and actions wait; the wait does not count for their timeouts. `runbook doctor` compares this with what the server allows.',
  )

const redisConnections = z
  .strictObject({
    read: connections(2, DEFAULT_REDIS_CONNECTIONS.read).describe(
      'Connections with the read login. One of them is reserved, and the others serve checks at the same time. For actions, a process has one more connection, with the write login.',
    ),
  })
  .prefault({})
  .describe(
    'How many connections one process may have to this Redis. Each worker and each API process counts. Further checks wait; the wait does not count for their timeouts. `runbook doctor` compares this with what the server allows.',
  )

/** The systems that runbooks diagnose. Each kind of connection has its own schema. */
export const connection = z.discriminatedUnion('kind', [
  z
    .strictObject({
      kind: z.literal('postgres'),
      environment,
      read,
      write,
      ledger: z
        .enum(['target', 'none'])
        .default('target')
        .describe(
          '`target`: each effect is recorded in this database, in the same transaction as the change, so it is applied exactly once. `none`: for a database in which the ledger schema cannot be created; if the engine loses the connection during a change, the result is `unknown`.',
        ),
      maxConnections: postgresConnections,
      redact,
    })
    .describe('A PostgreSQL database: for `sql.*`.'),
  z
    .strictObject({
      kind: z.literal('bullmq'),
      environment,
      read,
      write,
      sentinel,
      prefix: keyPrefix.default('bull').describe("BullMQ's key prefix."),
      queue: queueName.describe('The name of the queue.'),
      stalledInterval: duration
        .default('30s')
        .describe(
          "The workers' `stalledInterval` setting. If a job has had no lock for longer than this, no worker checks for stalled jobs.",
        ),
      maxConnections: redisConnections,
      redact,
    })
    .describe('A BullMQ queue: for `bullmq.*`, and for `redis.*` on its Redis server.'),
  z
    .strictObject({
      kind: z.literal('redis'),
      environment,
      read,
      write,
      sentinel,
      keys: z
        .array(plain.regex(/^\S+$/, 'do not use spaces'))
        .min(1)
        .default(['*'])
        .describe('Patterns of the keys to which `runbook connection prepare` gives the logins access.'),
      maxConnections: redisConnections,
      redact,
    })
    .describe('A Redis server: for `redis.*`.'),
  z
    .strictObject({
      kind: z.literal('http'),
      environment,
      url: address.describe('The base URL. Requests are never sent to another host, and redirects are not followed.'),
      headers: z
        .record(plain.regex(/^[A-Za-z0-9-]+$/, 'not a header name'), secret)
        .default({})
        .describe('Headers of every request, such as `Authorization: Bearer ${TOKEN}`.'),
      redact,
    })
    .describe('An HTTP service: for `http.*` and `metrics.scrape`.'),
  z
    .strictObject({
      kind: z.literal('process'),
      environment,
      cwd: plain
        .default('.')
        .describe('The working directory of the commands, relative to the directory of this file.'),
      commands: z
        .record(names, z.array(plain).min(1, 'write a program and its arguments'))
        .describe(
          'The commands by name. Each is a program with its arguments; no shell is used. `{name:int}` or `{name:word}` is replaced by one argument from the action.',
        ),
      env: z
        .array(plain.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'not a variable name'))
        .default([])
        .describe(
          'Environment variables to pass to the commands. Apart from these, they get only PATH, HOME and LANG.',
        ),
    })
    .describe("Commands on the worker's machine: for `process.run` and `workers.scale`."),
  z
    .strictObject({
      kind: z.literal('logs'),
      environment,
      files: z
        .array(glob)
        .min(1)
        .describe(
          'Log files, with JSON or text in each line, relative to the directory of this file. `*` and `?` match within one directory.',
        ),
      timeZone: timeZone
        .optional()
        .describe(
          'The time zone in which these files have times without a zone, such as `Europe/Berlin` or `UTC`. Without it, and for a time that this zone has twice or never because clocks are changed, such a line counts as `unparsed` if it may match.',
        ),
      redact,
    })
    .describe("Log files on the worker's machine: for `logs.search`."),
])

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}
