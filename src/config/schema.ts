import { z } from 'zod'
import { alertRule, hooks } from './alert-schema.ts'
import { DEFAULT_CHECK_MEMORY_MB, DEFAULT_POSTGRES_CONNECTIONS, DEFAULT_REDIS_CONNECTIONS } from './config.ts'
import { address, duration, names, publicKey, reference, secret } from './field-types.ts'
import { plain } from './plain.ts'
import { policyRule } from './policy-schema.ts'
import { withoutReferences } from './secret.ts'

// What BullMQ accepts, without the characters that are wildcards in the patterns of `connection prepare`.
const queueName = plain.regex(/^[^:*?[\]\\\p{Cc}]+$/u, 'do not use ":", wildcards (* ? [ ]) or "\\"')
const keyPrefix = plain.regex(/^[^\s*?[\]\\]+$/, 'do not use spaces, wildcards (* ? [ ]) or "\\"')
const glob = plain.refine((text) => !text.includes('**'), '"**" is not supported: use * and ? within one directory')

const person = z.strictObject({
  token: secret
    .refine(
      (text) => /^sha256:[0-9a-f]{64}$/.test(text) || withoutReferences(text) === '',
      'write sha256: and 64 hex digits (printf %s TOKEN | sha256sum), or ${NAME}',
    )
    .optional()
    .describe(
      'Authenticates this person. Write `sha256:` and the hash of the token in hex (`printf %s TOKEN | sha256sum`), or `${NAME}`.',
    ),
  keys: z
    .array(secret)
    .default([])
    .describe('Public keys of this person. They verify the decisions that the person signs with `runbook sign`.'),
  groups: z.array(plain).default([]).describe('Groups of this person. `approval.by` of a runbook names groups.'),
  login: plain.optional().describe('The name of this person at the identity provider, if it is different.'),
  emails: z
    .array(plain)
    .default([])
    .describe(
      'E-mail addresses by which git names this person as the author of a change. `policy` can exclude authors.',
    ),
})

/** Asymmetric algorithms only: with a symmetric one, everyone who can verify tokens could also sign them. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const

const oidc = z.strictObject({
  issuer: plain.describe('The `iss` claim that its tokens must have.'),
  audience: plain.describe('The `aud` claim that its tokens must have.'),
  jwks: plain
    .refine(
      (text) => /^(https:\/\/|http:\/\/(localhost|127\.0\.0\.1|\[::1\])[:/])/.test(text) && URL.canParse(text),
      'write an https:// address',
    )
    .describe('The `https://` address of its public keys (JWKS).'),
  algorithms: z
    .array(z.enum(ALGORITHMS))
    .min(1)
    .default(['RS256', 'PS256', 'ES256', 'EdDSA'])
    .describe('Accepted signature algorithms.'),
  typ: plain
    .default('at+jwt')
    .describe('The `typ` header that its tokens must have: `at+jwt` for access tokens, `JWT` for ID tokens.'),
  maxAge: duration.default('1h').describe('Older tokens are refused, regardless of their own expiry time.'),
  name: plain.default('sub').describe('The claim that names the person.'),
  groupsClaim: plain.default('groups').describe("The claim that names the person's groups."),
  groups: z
    .record(names, z.array(plain).min(1))
    .default({})
    .describe(
      'For each of our groups, the groups of the provider whose members belong to it. A group that is not listed has no members.',
    ),
})

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
    read: connections(1, DEFAULT_POSTGRES_CONNECTIONS.read).describe('With the read login, for checks.'),
    write: connections(1, DEFAULT_POSTGRES_CONNECTIONS.write).describe('With the write login, for actions.'),
  })
  .prefault({})
  .describe(
    'How many connections one process may have to this database. Each worker and each API process counts. Further checks and actions wait; the wait does not count for their timeouts. `runbook doctor` compares this with what the server allows.',
  )

const redisConnections = z
  .strictObject({
    read: connections(2, DEFAULT_REDIS_CONNECTIONS.read).describe(
      'With the read login. All but one of them read at the same time. With the write login, a process has one connection.',
    ),
  })
  .prefault({})
  .describe(
    'How many connections one process may have to this Redis. Each worker and each API process counts. Further checks wait; the wait does not count for their timeouts. `runbook doctor` compares this with what the server allows.',
  )

const connection = z.discriminatedUnion('kind', [
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
          'Files with one JSON object per line, relative to the directory of this file. `*` and `?` match within one directory.',
        ),
      redact,
    })
    .describe("Log files on the worker's machine: for `logs.search`."),
])

const atMost = (most: number) => z.int().min(1).max(100_000).default(most)

const limits = z.strictObject({
  writesPerMinute: atMost(600).describe(
    'Requests of one person that change something, per minute. Counted by each API process on its own.',
  ),
  failedLoginsPerMinute: atMost(60).describe(
    'Requests of one address without a valid token, per minute; further ones get 429 instead of 401. Valid tokens are always accepted. Counted by each API process on its own.',
  ),
  eventStreams: atMost(100).describe('Event streams that one API process serves at the same time.'),
  eventStreamsPerPerson: atMost(40).describe('The part of them that one person may have.'),
  reviews: atMost(20).describe(
    'Reviews that one API process sends at the same time; one person may have half of them.',
  ),
  perIncident: atMost(200).describe(
    'How many notes, claims and decisions one person may make on one incident; the limit is for each of the three. Counted in the database, over all processes.',
  ),
})

export const configSchema = z.strictObject({
  database: address.describe("The engine's own database: incidents, gates, decisions, history."),
  temporal: z
    .strictObject({
      taskQueue: plain.default('runbook').describe("The prefix of the engine's task queues."),
      address: plain
        .optional()
        .describe(
          "`host:port`. If absent, Temporal's environment variables or profile set it, otherwise 127.0.0.1:7233.",
        ),
      namespace: plain
        .optional()
        .describe("If absent, Temporal's environment variables or profile set it, otherwise `default`."),
    })
    .default({ taskQueue: 'runbook' })
    .describe("The connection to Temporal. Set TLS and API keys in Temporal's own environment variables or profile."),
  runbooks: z.array(plain).default(['runbooks']).describe('Directories with runbooks and their scenarios.'),
  connections: z
    .record(names, connection)
    .default({})
    .describe('The systems to diagnose, by the names that runbooks use. The other fields depend on `kind`.'),
  checks: z
    .strictObject({
      memoryMb: z
        .int()
        .min(64)
        .max(65_536)
        .default(DEFAULT_CHECK_MEMORY_MB)
        .describe(
          'Megabytes of memory that the checks of one worker may use together. Further checks wait; the wait does not count for their timeouts.',
        ),
    })
    .default({ memoryMb: DEFAULT_CHECK_MEMORY_MB })
    .describe('Limits of the checks of one worker.'),
  people: z
    .record(names, person)
    .refine(haveOwnLogins, 'two people have the same login')
    .refine(haveOwnEmails, 'two people have the same e-mail address')
    .default({})
    .describe('The people who may see incidents and decide, by name.'),
  signing: z
    .strictObject({
      key: reference
        .default('${RUNBOOK_SIGNING_KEY}')
        .describe('The key with which the engine signs decisions. Must be a reference.'),
      previous: z
        .array(publicKey)
        .default([])
        .describe(
          'Public keys of earlier signing keys. Keep a key here while incidents that were decided with it are open.',
        ),
    })
    .default({ key: '${RUNBOOK_SIGNING_KEY}', previous: [] })
    .describe("The engine's signing key. `runbook doctor` shows its public form."),
  channels: z
    .record(names, z.strictObject({ slack: reference.describe('The address of a Slack webhook, as a reference.') }))
    .default({})
    .describe('The destinations of messages, by the names that `escalate.to` and `notify` use.'),
  alerts: z.array(alertRule).default([]).describe('Rules that open incidents from alerts.'),
  hooks,
  auto: z
    .array(
      z.strictObject({
        kind: plain.describe('An action kind, such as `bullmq.resume`.'),
        connection: plain.describe('The connection on which this action may be applied without an approval.'),
      }),
    )
    .default([])
    .describe(
      'Actions that may be applied without an approval when the runbook sets `approval: auto`. Actions that are not listed always need an approval.',
    ),
  environment: plain
    .optional()
    .describe(
      'The environment of this installation, such as `production`, for `policy`. A connection can have another one.',
    ),
  policy: z
    .array(policyRule)
    .refine((rules) => new Set(rules.map(({ name }) => name)).size === rules.length, 'two rules have the same name')
    .default([])
    .describe(
      'Who must approve, whatever a runbook says. All rules that match an action of a remedy apply together, and with the approval of the runbook. Where a rule matches, nothing is applied without an approval, even if `auto` allows it. A change is in force once the workers and the API were restarted.',
    ),
  waitWhileDown: duration
    .default('10m')
    .describe(
      'How long an incident waits for a PostgreSQL or Redis that is down. An approved remedy waits for as long as its approval is valid, and after its first effect for this long.',
    ),
  requesterMayApprove: z
    .boolean()
    .default(true)
    .describe('Whether the person who opened an incident may approve its remedies. Never allowed with `risk: high`.'),
  breakGlass: z
    .array(plain)
    .default([])
    .describe(
      'Groups whose members may approve alone, with a reason (break-glass). Everyone in `escalate.to` is notified.',
    ),
  limits: limits.prefault({}).describe('How much one person, one address or one incident may take up.'),
  oidc: oidc.optional().describe('An identity provider whose tokens people may log in with.'),
})

export type ConfigFile = z.output<typeof configSchema>

function haveOwnEmails(people: Record<string, { emails: string[] }>): boolean {
  const emails = Object.values(people).flatMap((one) => one.emails.map((email) => email.toLowerCase()))
  return new Set(emails).size === emails.length
}

function haveOwnLogins(people: Record<string, { login?: string | undefined }>): boolean {
  const logins = Object.values(people).flatMap(({ login }) => login ?? [])
  return new Set(logins).size === logins.length
}
