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
    .optional(),
  keys: z.array(secret).default([]),
  groups: z.array(plain).default([]),
  login: plain.optional(),
})

/** Those with which who verifies cannot sign. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const

const oidc = z.strictObject({
  issuer: plain,
  audience: plain,
  jwks: plain.refine(
    (text) => /^(https:\/\/|http:\/\/(localhost|127\.0\.0\.1|\[::1\])[:/])/.test(text) && URL.canParse(text),
    'write an https:// address',
  ),
  algorithms: z.array(z.enum(ALGORITHMS)).min(1).default(['RS256', 'PS256', 'ES256', 'EdDSA']),
  typ: plain.default('at+jwt'),
  maxAge: duration.default('1h'),
  name: plain.default('sub'),
  groupsClaim: plain.default('groups'),
  groups: z.record(names, z.array(plain).min(1)).default({}),
})

const redact = z.array(plain).default([])

const connection = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('postgres'),
    read: address,
    write: address.optional(),
    ledger: z.enum(['target', 'none']).default('target'),
    redact,
  }),
  z.strictObject({
    kind: z.literal('bullmq'),
    read: address,
    write: address.optional(),
    prefix: key.default('bull'),
    queue: key,
    stalledInterval: duration.default('30s'),
    redact,
  }),
  z.strictObject({
    kind: z.literal('redis'),
    read: address,
    write: address.optional(),
    keys: z.array(plain.regex(/^\S+$/, 'use no blanks')).min(1).default(['*']),
    redact,
  }),
  z.strictObject({
    kind: z.literal('http'),
    url: address,
    headers: z.record(plain.regex(/^[A-Za-z0-9-]+$/, 'not a header name'), secret).default({}),
    redact,
  }),
  z.strictObject({
    kind: z.literal('process'),
    cwd: plain.default('.'),
    commands: z.record(names, z.array(plain).min(1, 'name a program')),
    env: z.array(plain.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'not a variable name')).default([]),
  }),
  z.strictObject({ kind: z.literal('logs'), files: z.array(glob).min(1), redact }),
])

export const configSchema = z.strictObject({
  database: address,
  temporal: z
    .strictObject({ taskQueue: plain.default('runbook'), address: plain.optional(), namespace: plain.optional() })
    .default({ taskQueue: 'runbook' }),
  runbooks: z.array(plain).default(['runbooks']),
  connections: z.record(names, connection).default({}),
  people: z.record(names, person).refine(haveOwnLogins, 'two people have one login').default({}),
  signing: z
    .strictObject({ key: reference.default('${RUNBOOK_SIGNING_KEY}'), previous: z.array(publicKey).default([]) })
    .default({ key: '${RUNBOOK_SIGNING_KEY}', previous: [] }),
  channels: z.record(names, z.strictObject({ slack: reference })).default({}),
  alerts: z
    .array(
      z.strictObject({
        match: z.record(z.string(), plain),
        incident: plain,
        inputs: z.record(z.string(), plain).default({}),
      }),
    )
    .default([]),
  auto: z.array(z.strictObject({ kind: plain, connection: plain })).default([]),
  requesterMayApprove: z.boolean().default(true),
  breakGlass: z.array(plain).default([]),
  oidc: oidc.optional(),
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
