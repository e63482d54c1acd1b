import { z } from 'zod'
import { alertRule, hooks } from './alert-schema.ts'
import { channels, groups, slack } from './channel-schema.ts'
import { PERSON_ROLES } from '../core/person.ts'
import { grant } from './access-schema.ts'
import { DEFAULT_CHECK_MEMORY_MB, PAGE_COLOURS } from './config.ts'
import { connection } from './connection-schema.ts'
import { address, duration, names, publicKey, reference, secret } from './field-types.ts'
import { recurringMaintenance } from './maintenance-schema.ts'
import { plain } from './plain.ts'
import { policyRule } from './policy-schema.ts'
import { withoutReferences } from './secret.ts'

const person = z.strictObject({
  token: secret
    .refine(
      (text) => /^sha256:[0-9a-f]{64}$/.test(text) || withoutReferences(text) === '',
      'write sha256: and 64 hex digits (printf %s TOKEN | sha256sum), or ${NAME}',
    )
    .optional()
    .describe(
      'Authenticates this person. `runbook people add` and `runbook token create` write it: `sha256:` and the hash of the token in hex (`printf %s TOKEN | sha256sum`), or `${NAME}`.',
    ),
  keys: z
    .array(secret)
    .default([])
    .describe('Public keys of this person. They verify the decisions that the person signs with `runbook sign`.'),
  groups: z.array(plain).default([]).describe('Groups of this person. `approval.by` of a runbook names groups.'),
  role: z
    .enum(PERSON_ROLES)
    .default('operator')
    .describe(
      '`viewer`: may only read, whatever `access` grants. `operator`: may also open incidents and act on them, and decide where `groups` permit it; with a section `access`, only as far as it grants this.',
    ),
  login: plain.optional().describe('The name of this person at the identity provider, if it is different.'),
  slack: plain
    .regex(/^[UW][A-Z0-9]{2,30}$/, 'write the id of the Slack user, such as U0123ABCD')
    .optional()
    .describe(
      'The id of this person’s Slack user. Its clicks on the buttons of the Slack app are decisions of this person.',
    ),
  channels: z
    .array(plain)
    .default([])
    .describe('Channels that get a message when an incident ends that this person opened.'),
  emails: z
    .array(plain)
    .default([])
    .describe(
      'E-mail addresses by which git names this person as the author of a change. `policy` can exclude authors.',
    ),
})

/** Only asymmetric algorithms are accepted. With a symmetric algorithm, everybody who can verify tokens could also sign them. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const

const signIn = z.strictObject({
  clientId: plain.describe('The client id of this engine at the provider.'),
  clientSecret: reference
    .optional()
    .describe(
      'The client secret of this engine at the provider, as a reference. Without it, the engine is a public client, which PKCE protects.',
    ),
  scopes: z
    .array(plain.regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'is not a scope'))
    .default(['openid', 'profile', 'email'])
    .describe('The scopes that are asked for. Add the one with which your provider sends groups, often `groups`.'),
  label: plain.default('the identity provider').describe('The name of the provider on the button.'),
})

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
  signIn: signIn
    .optional()
    .describe(
      'Lets people sign in to the pages at the provider (authorization code flow with PKCE). Needs `url`; register `<url>/sign-in/oidc/callback` at the provider as the address to return to. `issuer` must then be its address, at which `/.well-known/openid-configuration` describes it.',
    ),
})

const atMost = (most: number) => z.int().min(1).max(100_000).default(most)

const limits = z.strictObject({
  writesPerMinute: atMost(600).describe(
    'Requests of one person that change something, per minute. Counted by each API process on its own.',
  ),
  failedLoginsPerMinute: atMost(60).describe(
    'Requests of one address without a valid token, per minute; further ones get 429 instead of 401. Valid tokens are always accepted. Counted by each API process on its own.',
  ),
  eventStreams: atMost(100).describe('Event streams that one API process serves at the same time.'),
  eventStreamsPerPerson: atMost(40).describe('How many of these event streams one person may have.'),
  reviews: atMost(20).describe(
    'Reviews that one API process sends at the same time; one person may have half of them.',
  ),
  perIncident: atMost(200).describe(
    'How many notes, claims, decisions, retries, undo requests, changes of follow-ups and answers one person may make on one incident; the limit is for each of these. Counted in the database, over all processes.',
  ),
})

const pages = z.strictObject({
  colour: z
    .enum(PAGE_COLOURS)
    .default('grey')
    .describe(
      'The colour of the bar that names the environment on every page, so that nobody mistakes one environment for another.',
    ),
  sessionLasts: duration
    .default('12h')
    .describe(
      'How long a person stays signed in to the pages. A session also ends when the person signs out, is removed from `people`, or gets another token.',
    ),
  temporalUi: z
    .string()
    .regex(/^https?:\/\/[^\s/]+/, 'must be an http or https address such as https://temporal.example.com')
    .optional()
    .describe(
      "The address of Temporal's web UI. If it is set, the page of an incident links to the incident's workflow.",
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
    .refine(haveOwnSlackUsers, 'two people have the same Slack user')
    .refine(haveOwnEmails, 'two people have the same e-mail address')
    .default({})
    .describe('The people who may see incidents and decide, by name. `runbook people add` adds one.'),
  signing: z
    .strictObject({
      key: reference
        .default('${RUNBOOK_SIGNING_KEY}')
        .describe('The key with which the engine signs decisions. Must be a reference.'),
      previous: z
        .array(publicKey)
        .default([])
        .describe(
          'Public keys of earlier signing keys; `runbook key rotate` adds them. Keep a key here while incidents that were decided with it are open, and until a checkpoint was made (`runbook audit checkpoint`).',
        ),
    })
    .default({ key: '${RUNBOOK_SIGNING_KEY}', previous: [] })
    .describe("The engine's signing key. `runbook doctor` shows its public form."),
  url: plain
    .refine((text) => /^https?:\/\//.test(text) && URL.canParse(text), 'write an https:// address')
    .optional()
    .describe('The address under which people reach the API and its pages. Messages link to it.'),
  channels,
  groups,
  slack,
  alerts: z.array(alertRule).default([]).describe('Rules that open incidents from alerts.'),
  maintenance: z
    .array(recurringMaintenance)
    .default([])
    .describe(
      'Recurring times in which alerts and detection are recorded and open no incidents. When such a time ends, alerts that still fire and symptoms that are still present open their incidents.',
    ),
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
  access: z
    .array(grant)
    .min(1, 'write at least one grant, or leave the section out')
    .optional()
    .describe(
      'What each person may see and do. A person has the rights of all grants that name the person or a group of the person; without one, the person sees nothing. Who may approve is restricted by these grants, by the runbook and by `policy` together. If the section is absent, everybody sees everything, and `people.<name>.role` and the groups say what a person may do. A change is in force a few seconds later, without a restart.',
    ),
  environment: plain
    .optional()
    .describe(
      'The environment of this installation, such as `production`, for `policy` and on every page. A connection can have another one.',
    ),
  policy: z
    .array(policyRule)
    .refine((rules) => new Set(rules.map(({ name }) => name)).size === rules.length, 'two rules have the same name')
    .default([])
    .describe(
      'Who must approve, whatever a runbook says. All rules that match an action of a remedy apply together, and with the approval of the runbook. Where a rule matches, nothing is applied without an approval, even if `auto` allows it. A change is in force a few seconds later, without a restart.',
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
  pages: pages.prefault({}).describe('The web pages that `runbook serve` offers.'),
  oidc: oidc.optional().describe('An identity provider whose tokens people may log in with.'),
})

export type ConfigFile = z.output<typeof configSchema>

function haveOwnEmails(people: Record<string, { emails: string[] }>): boolean {
  const emails = Object.values(people).flatMap((one) => one.emails.map((email) => email.toLowerCase()))
  return new Set(emails).size === emails.length
}

function haveOwnSlackUsers(people: Record<string, { slack?: string | undefined }>): boolean {
  const users = Object.values(people).flatMap(({ slack: user }) => user ?? [])
  return new Set(users).size === users.length
}

function haveOwnLogins(people: Record<string, { login?: string | undefined }>): boolean {
  const logins = Object.values(people).flatMap(({ login }) => login ?? [])
  return new Set(logins).size === logins.length
}
