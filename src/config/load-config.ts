import { readFileSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import { ALERT_SOURCES } from '../core/alert.ts'
import { sha256Hex } from '../core/canonical.ts'
import { defined } from '../core/defined.ts'
import { parseDuration } from '../core/duration.ts'
import { messageOf, RunbookError } from '../core/errors.ts'
import { decodeTextFile } from '../core/text-file.ts'
import { unknownInAccess } from './access-schema.ts'
import { assembleChannel, assembleSlackApp } from './channels.ts'
import { checkFile } from './check-file.ts'
import type { ConfigProblem } from './check-file.ts'
import type { Config, ConnectionConfig, HookCredentials, Oidc, Person } from './config.ts'
import { readEnvironment } from './environment.ts'
import { assemblePolicy, unknownInPolicy } from './policy.ts'
import { readYaml } from './read-yaml.ts'
import type { ConfigFile } from './schema.ts'
import { resolveSecret } from './secret.ts'
import type { Secret } from './secret.ts'

const CONFIG_FILE = 'runbook.config.yaml'

export interface LoadOptions {
  /** The path of the file. Default: `runbook.config.yaml` in `cwd`. */
  file?: string
  env?: Record<string, string | undefined>
  cwd?: string
}

/**
 * Reads the configuration. Throws RunbookError `RUNBOOK_CONFIG` with every problem as `file:line:column: message`. A variable that is
 * not set is not an error here: the first use of its secret throws.
 */
export function loadConfig({ file, env = process.env, cwd = process.cwd() }: LoadOptions = {}): Config {
  const path = resolve(cwd, file ?? CONFIG_FILE)
  const read = readYaml(readText(path))
  const checked = checkFile(read)
  const shown = relative(cwd, path).startsWith('..') ? path : relative(cwd, path)
  if ('problems' in checked) throw problemsError(shown, checked.problems)
  const unknown = [
    ...unknownConnections(checked.value),
    ...unknownChannels(checked.value),
    ...unknownInPolicy(checked.value),
    ...unknownInAccess(checked.value),
    ...impossibleSignIn(checked.value),
  ].map((p) => ({
    ...read.position(p.path),
    message: p.message,
  }))
  if (unknown.length > 0) throw problemsError(shown, unknown)
  const directory = dirname(path)
  const { environment, warnings } = readEnvironment(directory, env)
  const config = assemble(checked.value, directory, environment, warnings)
  const shared = sharedCredentials(config.people).map((p) => ({ ...read.position(p.path), message: p.message }))
  if (shared.length > 0) throw problemsError(shown, shared)
  return { ...config, file: path, directory }
}

function readText(path: string): string {
  try {
    return decodeTextFile(readFileSync(path))
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : messageOf(error)
    throw new RunbookError('RUNBOOK_CONFIG', `${path}: ${why}. Start where ${CONFIG_FILE} is, or name the file.`, {
      path,
    })
  }
}

function problemsError(file: string, problems: ConfigProblem[]): RunbookError {
  const lines = problems.map((p) => `${file}:${p.line}:${p.column}: ${p.message}`)
  return new RunbookError('RUNBOOK_CONFIG', lines.join('\n'), { file, problems })
}

/** Finds people who share a token or key, because one person could then act as a quorum of two. */
function sharedCredentials(people: Record<string, Person>): { path: PropertyKey[]; message: string }[] {
  const owners = new Map<string, string>()
  return Object.entries(people).flatMap(([name, { tokenHash, keys }]) =>
    [...(tokenHash === undefined ? [] : [`token ${tokenHash}`]), ...keys.map((key) => `key ${rawKey(key)}`)].flatMap(
      (credential) => {
        const owner = owners.get(credential) ?? name
        owners.set(credential, owner)
        const what = credential.slice(0, credential.indexOf(' '))
        return owner === name
          ? []
          : [
              {
                path: ['people', name],
                message: `${owner} and ${name} have the same ${what}: each person needs their own`,
              },
            ]
      },
    ),
  )
}

/** The bytes of a key, because one key can be written in several ways: decoding ignores padding and the last bits. */
function rawKey(key: string): string {
  return Buffer.from(key.replace(/^ed25519:/, ''), 'base64url').toString('hex')
}

function unknownConnections(value: ConfigFile): { path: PropertyKey[]; message: string }[] {
  return value.auto
    .map((rule, i) => ({ path: ['auto', i, 'connection'], name: rule.connection }))
    .filter(({ name }) => !Object.hasOwn(value.connections, name))
    .map(({ path, name }) => ({ path, message: `${path.join('.')}: there is no connection "${name}"` }))
}

function unknownChannels({ channels, groups, people, slack }: ConfigFile): { path: PropertyKey[]; message: string }[] {
  const lists = [
    ...Object.entries(groups).map(([name, group]) => ({ path: ['groups', name, 'channels'], list: group.channels })),
    ...Object.entries(people).map(([name, person]) => ({ path: ['people', name, 'channels'], list: person.channels })),
  ]
  const withoutApp = Object.entries(channels)
    .filter(([, channel]) => channel.slackApp !== undefined && slack === undefined)
    .map(([name]) => ({
      path: ['channels', name, 'slackApp'],
      message: `channels.${name}.slackApp: the section "slack" with the app's token and signing secret is missing`,
    }))
  const unknown = lists.flatMap(({ path, list }) =>
    list.flatMap((name, i) =>
      Object.hasOwn(channels, name)
        ? []
        : [{ path: [...path, i], message: `${path.join('.')}: there is no channel "${name}"` }],
    ),
  )
  return [...withoutApp, ...unknown]
}

/** What is missing in the settings for signing in with OIDC. */
function impossibleSignIn({ oidc, url }: ConfigFile): { path: PropertyKey[]; message: string }[] {
  if (!oidc?.signIn) return []
  const problem = (path: PropertyKey[], message: string) => [{ path, message: `${path.join('.')}: ${message}` }]
  const encrypted = /^(https:\/\/|http:\/\/(localhost|127\.0\.0\.1|\[::1\])([:/]|$))/
  return [
    ...(url === undefined
      ? problem(['oidc', 'signIn'], 'needs "url", because the provider sends people back to that address')
      : []),
    ...(encrypted.test(oidc.issuer) && URL.canParse(oidc.issuer)
      ? []
      : problem(['oidc', 'issuer'], 'must be the https:// address of the provider, because of oidc.signIn')),
    ...(oidc.signIn.scopes.includes('openid')
      ? []
      : problem(['oidc', 'signIn', 'scopes'], 'must have the scope openid')),
  ]
}

function assemble(
  value: ConfigFile,
  directory: string,
  environment: Record<string, string>,
  warnings: string[],
): Omit<Config, 'file' | 'directory'> {
  const secret = (text: string, purpose: string) => resolveSecret(text, purpose, environment)
  const entries = <A, B>(record: Record<string, A>, to: (item: A, name: string) => B) =>
    Object.fromEntries(Object.entries(record).map(([name, item]) => [name, to(item, name)])) as Record<string, B>
  const { taskQueue, address, namespace } = value.temporal
  const app = value.slack && assembleSlackApp(value.slack, secret)
  const people = entries(value.people, (person, name) => assemblePerson(person, name, secret))
  return {
    database: secret(value.database, 'the engine’s database'),
    temporal: { taskQueue, ...(address ? { address } : {}), ...(namespace ? { namespace } : {}) },
    runbooks: value.runbooks.map((path) => resolve(directory, path)),
    connections: entries(value.connections, (c, name) => assembleConnection(c, name, directory, secret)),
    checks: value.checks,
    people,
    signing: { key: secret(value.signing.key, 'the signing key'), previous: value.signing.previous },
    ...(value.url === undefined ? {} : { url: value.url.replace(/\/+$/, '') }),
    channels: entries(value.channels, (c, name) => assembleChannel(c, name, app, secret)),
    ...(app ? { slack: app } : {}),
    groups: value.groups,
    alerts: value.alerts,
    maintenance: value.maintenance.map(({ for: length, runbook = null, connection = null, ...one }) => ({
      ...{ ...one, runbook, connection },
      forMs: parseDuration(length)!,
    })),
    hooks: assembleHooks(value.hooks, secret),
    auto: value.auto,
    policy: assemblePolicy(value),
    waitWhileDownMs: parseDuration(value.waitWhileDown)!,
    requesterMayApprove: value.requesterMayApprove,
    breakGlass: value.breakGlass,
    limits: value.limits,
    pages: {
      colour: value.pages.colour,
      sessionLastsMs: parseDuration(value.pages.sessionLasts)!,
      ...defined({ temporalUi: value.pages.temporalUi }),
    },
    ...defined({ environment: value.environment, access: value.access?.map((one) => defined(one)) }),
    ...(value.oidc ? { oidc: assembleOidc(value.oidc, secret) } : {}),
    warnings,
  }
}

type Resolve = (text: string, purpose: string) => Secret

function assembleConnection(
  connection: ConfigFile['connections'][string],
  name: string,
  directory: string,
  secret: Resolve,
): ConnectionConfig {
  const withSecrets = <T extends { read: string; write?: string | undefined }>({ read, write, ...rest }: T) => ({
    ...rest,
    read: secret(read, `connection ${name} (read)`),
    ...(write === undefined ? {} : { write: secret(write, `connection ${name} (write)`) }),
  })
  const withSentinel = (sentinel: (ConfigFile['connections'][string] & { kind: 'redis' })['sentinel']) => {
    if (!sentinel) return {}
    const { password, ...rest } = sentinel
    const known = password === undefined ? {} : { password: secret(password, `connection ${name} (sentinel)`) }
    return { sentinel: { ...rest, ...known } }
  }
  switch (connection.kind) {
    case 'postgres':
      return withSecrets(connection)
    case 'redis': {
      const { sentinel, ...rest } = connection
      return { ...withSecrets(rest), ...withSentinel(sentinel) }
    }
    case 'bullmq': {
      const { stalledInterval, sentinel, ...rest } = connection
      return { ...withSecrets(rest), ...withSentinel(sentinel), stalledIntervalMs: parseDuration(stalledInterval)! }
    }
    case 'http': {
      const headers = Object.entries(connection.headers).map(([header, text]) => [
        header.toLowerCase(),
        secret(text, `connection ${name} (header ${header})`),
      ])
      const url = secret(connection.url, `connection ${name}`)
      return { ...connection, url, headers: Object.fromEntries(headers) as Record<string, Secret> }
    }
    case 'process': {
      const given = connection.env.map(
        (variable) => [variable, secret(`\${${variable}}`, `connection ${name} (environment)`)] as const,
      )
      const environment = Object.fromEntries(given.filter(([, value]) => value.known))
      return { ...connection, cwd: resolve(directory, connection.cwd), environment }
    }
    case 'logs':
      return defined({ ...connection, files: connection.files.map((pattern) => resolve(directory, pattern)) })
  }
}

/** Returns the hash of the token. The variable may hold the token itself or its hash; only the hash is kept. */
function assemblePerson(person: ConfigFile['people'][string], name: string, secret: Resolve): Person {
  const token = person.token === undefined ? undefined : secret(person.token, `person ${name} (token)`)
  const text = token?.known ? token.reveal() : undefined
  const hash = text === undefined ? undefined : (/^sha256:([0-9a-f]{64})$/.exec(text)?.[1] ?? sha256Hex(text))
  const keys = person.keys.map((key) => secret(key, `person ${name} (key)`)).filter((key) => key.known)
  return {
    ...(hash === undefined ? {} : { tokenHash: hash }),
    ...(person.token?.includes('${') ? { tokenReference: person.token } : {}),
    keys: keys.map((key) => key.reveal()),
    groups: person.groups,
    role: person.role,
    channels: person.channels,
    ...(person.slack === undefined ? {} : { slack: person.slack }),
    emails: person.emails,
    ...(person.login === undefined ? {} : { login: person.login }),
  }
}

function assembleHooks(hooks: ConfigFile['hooks'], secret: Resolve): Config['hooks'] {
  const found: Config['hooks'] = {}
  for (const source of ALERT_SOURCES) {
    const ways = hooks[source]
    if (ways) found[source] = assembleHook(ways, `hook ${source}`, secret)
  }
  return found
}

/** The schema has already checked that there is exactly one way to authenticate. */
function assembleHook(
  ways: NonNullable<ConfigFile['hooks']['grafana'] & ConfigFile['hooks']['generic']>,
  purpose: string,
  secret: Resolve,
): HookCredentials {
  if (ways.bearer !== undefined) return { by: 'bearer', token: secret(ways.bearer, purpose) }
  if (ways.basic) return { by: 'basic', user: ways.basic.user, password: secret(ways.basic.password, purpose) }
  if (ways.hmac) return defined({ by: 'hmac' as const, ...ways.hmac, secret: secret(ways.hmac.secret, purpose) })
  return { by: 'standardWebhooks', secret: secret(ways.standardWebhooks!, purpose) }
}

function assembleOidc({ maxAge, signIn, ...rest }: NonNullable<ConfigFile['oidc']>, secret: Resolve): Oidc {
  const maxAgeMs = parseDuration(maxAge)!
  if (!signIn) return { ...rest, maxAgeMs }
  const { clientSecret, ...client } = signIn
  const known = clientSecret === undefined ? {} : { clientSecret: secret(clientSecret, 'the sign-in with OIDC') }
  return { ...rest, maxAgeMs, signIn: { ...client, ...known } }
}
