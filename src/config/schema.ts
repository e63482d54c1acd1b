import { z } from 'zod'
import { parseDuration } from '../core/duration.ts'
import { withoutReferences } from './secret.ts'

/** The file's form. A value that may hold `${NAME}` is a `secret`; anywhere else a reference is a slip and refused. */
const plain = z
  .string()
  .min(1)
  .refine((text) => !text.includes('${'), 'a ${…} reference may stand only in addresses, keys, tokens and headers')

const secret = z.string().min(1).refine(wellFormed, 'write a reference as ${NAME}')

const address = secret.refine(
  (text) => !hasLiteralPassword(text),
  'a password does not belong in the file: put the address into the environment or .runbook/env, and ${NAME} here',
)

const reference = secret.refine(
  (text) => withoutReferences(text) === '',
  'this is a secret: put it into the environment or .runbook/env, and ${NAME} here',
)

const publicKey = plain.refine(
  (text) => /^ed25519:[A-Za-z0-9_-]{43}$/.test(text),
  'write the public key as "runbook doctor" shows it: ed25519: and 43 characters',
)

const names = z.record(
  plain.regex(/^[a-z0-9][a-z0-9._-]*$/i, 'use letters, digits, ".", "_", "-"'),
  z.unknown(),
).keyType
const duration = plain.refine((text) => parseDuration(text) !== undefined, 'write a duration such as 30s, 15m, 24h')
const key = plain.regex(/^[^:\s*?[\]\\]+$/, 'use no ":", blank or pattern')
const glob = plain.refine((text) => !text.includes('**'), '"**" is not understood: use * and ? within a folder')

const person = z.strictObject({
  token: secret
    .refine(
      (text) => /^sha256:[0-9a-f]{64}$/.test(text) || withoutReferences(text) === '',
      'write sha256: and 64 hex digits (printf %s TOKEN | sha256sum), or ${NAME}',
    )
    .optional()
    .describe(
      'Who sends it is this person. `sha256:` and the hash in hex (`printf %s TOKEN | sha256sum`), or `${NAME}`.',
    ),
  keys: z
    .array(secret)
    .default([])
    .describe('Public keys, with whose private halves this person signs decisions (`runbook sign`).'),
  groups: z.array(plain).default([]).describe('What `approval.by` of a runbook names.'),
  login: plain.optional().describe('The name that the identity provider gives this person, where it is another.'),
})

/** Those with which who verifies cannot sign. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const

const oidc = z.strictObject({
  issuer: plain.describe('`iss` of its tokens.'),
  audience: plain.describe('`aud` of its tokens.'),
  jwks: plain
    .refine(
      (text) => /^(https:\/\/|http:\/\/(localhost|127\.0\.0\.1|\[::1\])[:/])/.test(text) && URL.canParse(text),
      'write an https:// address',
    )
    .describe('Address of its keys, `https://`.'),
  algorithms: z
    .array(z.enum(ALGORITHMS))
    .min(1)
    .default(['RS256', 'PS256', 'ES256', 'EdDSA'])
    .describe('With which its tokens may be signed.'),
  typ: plain.default('at+jwt').describe('`typ` of its tokens: `at+jwt` for access tokens, `JWT` for ID tokens.'),
  maxAge: duration.default('1h').describe('Older tokens are refused, whatever they say of their own end.'),
  name: plain.default('sub').describe('The claim that names the person.'),
  groupsClaim: plain.default('groups').describe("The claim that names the person's groups."),
  groups: z
    .record(names, z.array(plain).min(1))
    .default({})
    .describe(
      'Our groups, each with what the provider calls those who are in it. Nobody is in a group that is not here.',
    ),
})

const redact = z
  .array(plain)
  .default([])
  .describe(
    'Fields and columns that become `[redacted]`, numbers and truth values null, at any depth, before anything is stored. Of an HTTP answer nothing but whole JSON is kept then.',
  )

const read = address.describe(
  'The address with a login that can only read; checks use it. `runbook connection prepare` makes the login.',
)
const write = address
  .optional()
  .describe('The address with the login that approved actions use. Without it, no action can change anything here.')

const connection = z.discriminatedUnion('kind', [
  z
    .strictObject({
      kind: z.literal('postgres'),
      read,
      write,
      ledger: z
        .enum(['target', 'none'])
        .default('target')
        .describe(
          '`target`: effects are recorded in this database, in the transaction that changes it, so that each is there exactly once. `none`: where that schema cannot be made; an end that was not seen is then unknown.',
        ),
      redact,
    })
    .describe('A PostgreSQL database: `sql.*`.'),
  z
    .strictObject({
      kind: z.literal('bullmq'),
      read,
      write,
      prefix: key.default('bull').describe("BullMQ's prefix of keys."),
      queue: key.describe('The name of the queue.'),
      stalledInterval: duration
        .default('30s')
        .describe(
          "The workers' own setting: a job whose lock is gone for longer than this is stalled and nobody looks.",
        ),
      redact,
    })
    .describe('A queue of BullMQ: `bullmq.*`, and `redis.*` on its Redis.'),
  z
    .strictObject({
      kind: z.literal('redis'),
      read,
      write,
      keys: z
        .array(plain.regex(/^\S+$/, 'use no blanks'))
        .min(1)
        .default(['*'])
        .describe('Patterns of the keys that the logins made by `runbook connection prepare` may touch.'),
      redact,
    })
    .describe('A Redis: `redis.*`.'),
  z
    .strictObject({
      kind: z.literal('http'),
      url: address.describe('Where its paths begin. No other host is ever asked, and redirects are not followed.'),
      headers: z
        .record(plain.regex(/^[A-Za-z0-9-]+$/, 'not a header name'), secret)
        .default({})
        .describe('Sent with every request, such as `Authorization: Bearer ${TOKEN}`.'),
      redact,
    })
    .describe('A service that answers HTTP: `http.*`, `metrics.scrape`.'),
  z
    .strictObject({
      kind: z.literal('process'),
      cwd: plain.default('.').describe('Where they run, from the folder of this file.'),
      commands: z
        .record(names, z.array(plain).min(1, 'name a program'))
        .describe(
          'Each a program and its arguments, without a shell. `{name:int}` or `{name:word}` is one argument, given by the action.',
        ),
      env: z
        .array(plain.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'not a variable name'))
        .default([])
        .describe('Variables that they are given, beside PATH, HOME and LANG; no others.'),
    })
    .describe('Commands on the machine of the worker: `process.run`, `workers.scale`.'),
  z
    .strictObject({
      kind: z.literal('logs'),
      files: z
        .array(glob)
        .min(1)
        .describe('Files of JSON lines, from the folder of this file; `*` and `?` within a folder.'),
      redact,
    })
    .describe('Log files on the machine of the worker: `logs.search`.'),
])

export const configSchema = z.strictObject({
  database: address.describe("The engine's own database: incidents, gates, decisions, history."),
  temporal: z
    .strictObject({
      taskQueue: plain.default('runbook').describe("Where the engine's queues begin."),
      address: plain
        .optional()
        .describe(
          "`host:port`. Otherwise Temporal's own environment variables and profile say it; then 127.0.0.1:7233.",
        ),
      namespace: plain.optional().describe('Otherwise that of the profile; then `default`.'),
    })
    .default({ taskQueue: 'runbook' })
    .describe("How Temporal is reached. TLS and keys stand in Temporal's own environment variables and profile."),
  runbooks: z.array(plain).default(['runbooks']).describe('Folders of runbooks and their scenarios.'),
  connections: z
    .record(names, connection)
    .default({})
    .describe('The diagnosed systems, by the names that runbooks use. `kind` says what the other fields are.'),
  people: z
    .record(names, person)
    .refine(haveOwnLogins, 'two people have one login')
    .default({})
    .describe('Who may see and decide, by name.'),
  signing: z
    .strictObject({
      key: reference.default('${RUNBOOK_SIGNING_KEY}').describe('With which the engine signs decisions. A reference.'),
      previous: z
        .array(publicKey)
        .default([])
        .describe('Public forms of former keys, while incidents that were decided under them are open.'),
    })
    .default({ key: '${RUNBOOK_SIGNING_KEY}', previous: [] })
    .describe("The engine's signing key. `runbook doctor` shows its public form."),
  channels: z
    .record(names, z.strictObject({ slack: reference.describe('Address of a Slack webhook, as a reference.') }))
    .default({})
    .describe('Where messages go, by the names that `escalate.to` and `notify` use.'),
  alerts: z
    .array(
      z.strictObject({
        match: z.record(z.string(), plain).describe('Labels and what they must be, all of them.'),
        incident: plain.describe('The incident type that is opened.'),
        inputs: z
          .record(z.string(), plain)
          .default({})
          .describe('Inputs of the runbook, such as `run: labels.run_id`.'),
      }),
    )
    .default([])
    .describe('Which alert opens which incident.'),
  auto: z
    .array(
      z.strictObject({
        kind: plain.describe('A kind of action, such as `bullmq.resume`.'),
        connection: plain.describe('The connection on which it may.'),
      }),
    )
    .default([])
    .describe(
      'Actions that may be applied without a person, where a runbook says `approval: auto`. None unless named.',
    ),
  requesterMayApprove: z
    .boolean()
    .default(true)
    .describe('Whether who opened an incident may approve its remedies; never with `risk: high`.'),
  breakGlass: z
    .array(plain)
    .default([])
    .describe('Groups whose members may approve alone, with a reason. Everybody in `escalate.to` is told.'),
  oidc: oidc.optional().describe('An identity provider whose tokens say who somebody is.'),
})

export type ConfigFile = z.output<typeof configSchema>

function haveOwnLogins(people: Record<string, { login?: string | undefined }>): boolean {
  const logins = Object.values(people).flatMap(({ login }) => login ?? [])
  return new Set(logins).size === logins.length
}

function wellFormed(text: string): boolean {
  return !withoutReferences(text).includes('${')
}

/** `scheme://user:password@host` or `?password=` with anything but one reference for the password. */
function hasLiteralPassword(text: string): boolean {
  const left = withoutReferences(text, '\u0000')
  const inAuthority = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*?:([^/?#]*)@/i.exec(left)?.[1]
  const inQuery = /[?&](?:password|sslpassword|token|key)=([^&#]*)/i.exec(left)?.[1]
  return [inAuthority, inQuery].some((password) => password !== undefined && !['', '\u0000'].includes(password))
}
