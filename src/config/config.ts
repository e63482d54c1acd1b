import type { Grant } from '../core/access.ts'
import type { AlertSource } from '../core/alert.ts'
import type { PersonRole } from '../core/person.ts'
import type { Policy } from '../core/policy.ts'
import type { Channel, SlackApp } from './channels.ts'
import type { Secret } from './secret.ts'

export const DEFAULT_CHECK_MEMORY_MB = 256
/** The colours with which the pages distinguish environments. */
export const PAGE_COLOURS = ['grey', 'blue', 'green', 'orange', 'red', 'purple'] as const
/** The number of connections of one process to one PostgreSQL, by login. */
export const DEFAULT_POSTGRES_CONNECTIONS = { read: 8, write: 4 }
/** The number of connections of one process to one Redis with the read login. */
export const DEFAULT_REDIS_CONNECTIONS = { read: 5 }

/** `runbook.config.yaml` after it was read: defaults are filled in, paths are absolute, and secrets are resolved but hidden. */
export interface Config {
  /** The absolute path of the file, and of its directory. Relative paths in the file refer to this directory. */
  file: string
  directory: string
  /** URL of the engine's own PostgreSQL database. */
  database: Secret
  /** The address and namespace of Temporal. Absent fields come from Temporal's own environment variables and profile. */
  temporal: { taskQueue: string; address?: string; namespace?: string }
  /** Absolute directories with runbooks. */
  runbooks: string[]
  connections: Record<string, ConnectionConfig>
  /** The memory that the checks of one process may use together. */
  checks: { memoryMb: number }
  people: Record<string, Person>
  /** `previous`: public keys that signed before, so that decisions made with them count while incidents wait. */
  signing: { key: Secret; previous: string[] }
  /** The address under which people reach the API and its pages, without a slash at the end. */
  url?: string
  channels: Record<string, Channel>
  /** The Slack app whose messages have buttons. */
  slack?: SlackApp
  /** The channels of groups; a group that is not listed has the channel of the same name. */
  groups: Record<string, { channels: string[] }>
  alerts: AlertRule[]
  /** Recurring maintenance windows, in which alerts and detection open no incidents. */
  maintenance: RecurringMaintenance[]
  /** How each source of alerts proves its identity. A source that is absent cannot deliver. */
  hooks: Partial<Record<AlertSource, HookCredentials>>
  /** The actions for which `approval: auto` is permitted: an action kind on a connection. Every other write needs an approval. */
  auto: { kind: string; connection: string }[]
  /** What each person may see and do. Absent: everybody may see everything, and groups say who may decide. */
  access?: Grant[]
  /** The minimum that every approval needs, whatever a runbook says. */
  policy: Policy
  /** How long an incident waits for a connection that is down. */
  waitWhileDownMs: number
  /**
   * Whether the person who opened an incident may approve its remedies. It does not apply to `risk: high`, which the person may never
   * approve.
   */
  requesterMayApprove: boolean
  /** Groups whose members may approve alone, with a reason. Everyone in `escalate.to` is notified. */
  breakGlass: string[]
  limits: Limits
  /** How the pages look, and how long a person stays signed in to them. */
  pages: { colour: (typeof PAGE_COLOURS)[number]; sessionLastsMs: number; temporalUi?: string }
  /** The name of the environment, for the pages. */
  environment?: string
  /** The identity provider whose tokens people may log in with. */
  oidc?: Oidc
  /** Settings that work but should be changed, for `runbook doctor`. */
  warnings: string[]
}

export interface Limits {
  /** How many requests that change something one person may send to each API process per minute. */
  writesPerMinute: number
  /** How many requests without a valid token one address may send to each API process per minute. */
  failedLoginsPerMinute: number
  eventStreams: number
  eventStreamsPerPerson: number
  reviews: number
  /** How many notes, claims and decisions one person may make on one incident. Each is counted separately, over all processes. */
  perIncident: number
}

export type ConnectionConfig =
  PostgresConnection | BullmqConnection | RedisConnection | HttpConnection | ProcessConnection | LogsConnection

export interface PostgresConnection {
  kind: 'postgres'
  read: Secret
  write?: Secret
  ledger: 'target' | 'none'
  /** How many connections one process may open with each login. Default: `DEFAULT_POSTGRES_CONNECTIONS`. */
  maxConnections?: { read: number; write: number }
  /** Columns whose values are never stored. */
  redact: string[]
}

/** How the current primary of a Redis is found. */
export interface Sentinel {
  /** The primary's name in the sentinels' configuration. */
  name: string
  /** The addresses of the sentinels, such as `10.0.0.1:26379`. */
  addresses: string[]
  /** The password of the sentinels, not of the Redis servers. */
  password?: Secret
}

export interface BullmqConnection {
  kind: 'bullmq'
  read: Secret
  write?: Secret
  sentinel?: Sentinel
  prefix: string
  queue: string
  /** The `stalledInterval` of the workers. */
  stalledIntervalMs: number
  /** How many connections one process may open. Default: `DEFAULT_REDIS_CONNECTIONS`. */
  maxConnections?: { read: number }
  redact: string[]
}

export interface RedisConnection {
  kind: 'redis'
  read: Secret
  write?: Secret
  sentinel?: Sentinel
  /** Patterns of the keys that `connection prepare` lets its users touch. */
  keys: string[]
  /** How many connections one process may open. Default: `DEFAULT_REDIS_CONNECTIONS`. */
  maxConnections?: { read: number }
  redact: string[]
}

export interface HttpConnection {
  kind: 'http'
  url: Secret
  headers: Record<string, Secret>
  redact: string[]
}

export interface ProcessConnection {
  kind: 'process'
  cwd: string
  /** argv by command name; a parameter replaces an element `{name:int}` or `{name:word}` as a whole. */
  commands: Record<string, string[]>
  /** Names of variables that the commands get in addition to PATH, HOME and LANG. */
  env: string[]
  /** The values of the variables that are set, by the name of the variable. */
  environment: Record<string, Secret>
}

export interface LogsConnection {
  kind: 'logs'
  /** Absolute glob patterns of log files. */
  files: string[]
  /** The time zone of times without a zone, such as `Europe/Berlin`. */
  timeZone?: string
  redact: string[]
}

export interface Person {
  /** The SHA-256 of the person's token, as 64 lower-case hex digits. Absent if the person has no token. */
  tokenHash?: string
  /** The token in the file, if it is a reference, such as `${RUNBOOK_LEAD}`. */
  tokenReference?: string
  /** Registered public keys, `ed25519:…`. */
  keys: string[]
  groups: string[]
  /** What this person may do. If absent, the role is `operator`. */
  role?: PersonRole
  /** The id of this person's Slack user. */
  slack?: string
  /** The channels that get a message when an incident that this person opened ends. */
  channels?: string[]
  /** E-mail addresses by which git names this person. */
  emails: string[]
  /** The name by which this person logs in at the identity provider. */
  login?: string
}

/** The exact requirements for a token of the identity provider. */
export interface Oidc {
  /** The required `iss` and `aud`. */
  issuer: string
  audience: string
  /** Address of the provider's keys. */
  jwks: string
  /** Signature algorithms; asymmetric ones only. */
  algorithms: string[]
  /** `at+jwt` for access tokens (RFC 9068), `JWT` for ID tokens. */
  typ: string
  /** Older tokens are refused, regardless of their own expiry time. */
  maxAgeMs: number
  /** The claim that names the person. */
  name: string
  groupsClaim: string
  /**
   * The groups of this configuration, each with the provider's groups whose members belong to it. A group that is not listed has no
   * members.
   */
  groups: Record<string, string[]>
  /** The settings with which people sign in to the pages at the identity provider. */
  signIn?: { clientId: string; clientSecret?: Secret; scopes: string[]; label: string }
}

export interface AlertRule {
  /** The labels that an alert must have, with their values. */
  match: Record<string, string>
  /** The type of the incident to open. */
  incident: string
  /** Input → the field of the alert that holds its value, such as `labels.run_id`, or a constant. */
  inputs: Record<string, string | { value: string }>
}

export interface RecurringMaintenance {
  /** Five fields, by the clock of the time zone. */
  cron: string
  timezone: string
  forMs: number
  reason: string
  /** The runbook or the connection that the window covers. It covers everything if both are null. */
  runbook: string | null
  connection: string | null
}

export type HookCredentials =
  | { by: 'bearer'; token: Secret }
  | { by: 'basic'; user: string; password: Secret }
  | { by: 'hmac'; secret: Secret; header: string; timestampHeader?: string }
  | { by: 'standardWebhooks'; secret: Secret }
