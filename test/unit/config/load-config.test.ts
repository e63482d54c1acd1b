import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadConfig } from '../../../src/config/load-config.ts'
import { openEngineKeyring } from '../../../src/engine/open-keyring.ts'
import { newSigningKey, publicKeyOf } from '../../../src/gate/keyring.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'config-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

function load(text: string, env: Record<string, string> = {}) {
  writeFileSync(join(directory, 'runbook.config.yaml'), text)
  return loadConfig({ cwd: directory, env })
}

function problems(text: string, env: Record<string, string> = {}): string[] {
  try {
    load(text, env)
    return []
  } catch (error) {
    expect(error).toMatchObject({ code: 'RUNBOOK_CONFIG' })
    return (error as Error).message.split('\n')
  }
}

const minimal = 'database: ${DB}\n'

test('defaults are filled in, and paths belong to the file’s directory', () => {
  const config = load(
    `${minimal}connections:
  q: { kind: bullmq, read: "\${R}", queue: jobs }
  logs: { kind: logs, files: ["logs/*.jsonl"] }
  text: { kind: logs, files: ["logs/*.txt"], timeZone: America/New_York }
  ctl: { kind: process, cwd: sub, commands: { go: [true] } }
`.replace('[true]', '["true"]'),
  )
  expect(config.temporal).toEqual({ taskQueue: 'runbook' })
  expect(config.runbooks).toEqual([join(directory, 'runbooks')])
  expect(config.connections.q).toMatchObject({ prefix: 'bull', queue: 'jobs', stalledIntervalMs: 30_000, redact: [] })
  expect(config.connections.logs).toMatchObject({ files: [join(directory, 'logs/*.jsonl')] })
  expect(config.connections.text).toMatchObject({ timeZone: 'America/New_York' })
  expect(config.connections.ctl).toMatchObject({ cwd: join(directory, 'sub'), env: [] })
  expect(config.auto).toEqual([])
})

test('the pages have a colour, an environment and sessions of 12 hours, and a person has the role operator, unless the file says otherwise', () => {
  expect(load(minimal)).toMatchObject({ pages: { colour: 'grey', sessionLastsMs: 12 * 3_600_000 } })
  expect(
    load(
      `${minimal}environment: production\npages: { colour: red, sessionLasts: 1h }\npeople: { a: { role: viewer } }\n`,
    ),
  ).toMatchObject({
    environment: 'production',
    pages: { colour: 'red', sessionLastsMs: 3_600_000 },
    people: { a: { role: 'viewer' } },
  })
  expect(problems(`${minimal}pages: { colour: pink }\n`)).toEqual([expect.stringContaining('pages.colour')])
  expect(problems(`${minimal}people: { a: { role: king } }\n`)).toEqual([expect.stringContaining('people.a.role')])
})

test('the number of connections is set for each login, and the rest is as by default', () => {
  const { connections } = load(`${minimal}connections:
  db: { kind: postgres, read: "\${R}", maxConnections: { read: 20 } }
  other: { kind: postgres, read: "\${R}" }
  q: { kind: bullmq, read: "\${R}", queue: jobs, maxConnections: { read: 9 } }
  cache: { kind: redis, read: "\${R}" }
`)
  expect(connections).toMatchObject({
    db: { maxConnections: { read: 20, write: 4 } },
    other: { maxConnections: { read: 8, write: 4 } },
    q: { maxConnections: { read: 9 } },
    cache: { maxConnections: { read: 5 } },
  })
  const bad = `${minimal}connections:
  db: { kind: postgres, read: "\${R}", maxConnections: { read: 0 } }
  q: { kind: bullmq, read: "\${R}", queue: jobs, maxConnections: { read: 1, write: 2 } }
`
  expect(problems(bad).join('\n')).toMatch(/maxConnections.read: .*1[^]*maxConnections.*write[^]*/)
})

test('the value of a reference comes from the environment, else from .runbook/env', () => {
  mkdirSync(join(directory, '.runbook'))
  writeFileSync(join(directory, '.runbook/env'), '# c\nexport DB="from file"\nHOST=h\nEMPTY=x\n', { mode: 0o600 })
  expect(load(minimal).database.reveal()).toBe('from file')
  expect(load(minimal, { DB: 'from env' }).database.reveal()).toBe('from env')
  expect(load(minimal, { DB: '' }).database.reveal()).toBe('from file')
  expect(load('database: postgres://u:${PW}@${HOST}/d', { PW: 'p' }).database.reveal()).toBe('postgres://u:p@h/d')
})

test('an env file that others can read is a warning', () => {
  mkdirSync(join(directory, '.runbook'))
  const path = join(directory, '.runbook/env')
  writeFileSync(path, 'DB=x\n', { mode: 0o600 })
  expect(load(minimal).warnings).toEqual([])
  chmodSync(path, 0o644)
  expect(load(minimal).warnings).toEqual([expect.stringContaining('chmod 600')])
})

test('a variable that is not set is no error before its connection is used', () => {
  const config = load(`${minimal}connections: { db: { kind: postgres, read: "\${MAESTRO_READ}" } }\n`)
  const { read } = config.connections.db as { read: { known: boolean; reveal(): string } }
  expect(read.known).toBe(false)
  expect(() => read.reveal()).toThrow('connection db (read): MAESTRO_READ is not set')
})

test('a secret shows itself nowhere', () => {
  const config = load(minimal, { DB: 'postgres://u:hunter2@h/d' })
  for (const text of [JSON.stringify(config), inspect(config, { depth: 9, showHidden: true }), `${config.database}`])
    expect(text).not.toContain('hunter2')
})

test('all problems are reported at once, each with its position and a suggestion', () => {
  expect(
    problems(`${minimal}temporl: {}
connections:
  a: { kind: postgres, read: "\${A}", leger: none }
  b: { kind: postgrs }
  c: { kind: bullmq, read: "\${A}" }
`),
  ).toEqual([
    'runbook.config.yaml:2:1: unknown field "temporl". Did you mean "temporal"?',
    'runbook.config.yaml:4:38: connections.a: unknown field "leger". Did you mean "ledger"?',
    'runbook.config.yaml:5:14: connections.b.kind: is one of postgres, bullmq, redis, http, process, logs',
    'runbook.config.yaml:6:6: connections.c.queue: is missing',
  ])
})

test.each([
  ['a password in an address', 'database: postgres://u:hunter2@h/d'],
  ['a password in a query', 'database: "postgres://h/d?user=u&password=hunter2"'],
  ['half a password', 'database: "postgres://u:hunter2${X}@h/d"'],
  ['a signing key', `${minimal}signing: { key: hunter2 }`],
  ['a webhook', `${minimal}channels: { c: { slack: "https://hooks.slack.com/services/hunter2" } }`],
  ['a token', `${minimal}people: { p: { token: hunter2 } }`],
])('%s in the file is refused, and the message does not contain it', (_, text) => {
  const found = problems(text)
  expect(found).toHaveLength(1)
  expect(found[0]).toMatch(/^runbook.config.yaml:\d+:\d+: .*(environment|sha256)/)
  expect(found[0]).not.toContain('hunter2')
})

test.each([
  ['a reference in a field that does not accept one', `${minimal}runbooks: ["\${DIR}"]`, 'allowed only in'],
  ['a malformed reference', 'database: "${DB"', 'write a reference as ${NAME}'],
  ['an alias', `${minimal}people: &a {}\nconnections: *a`, 'aliases'],
  ['a key twice', `${minimal}${minimal}`, 'unique'],
  [
    'a time zone that does not exist',
    `${minimal}connections: { l: { kind: logs, files: ["*.log"], timeZone: Europe/Atlantis } }`,
    'not the name of a time zone',
  ],
  [
    'a queue name that BullMQ refuses',
    `${minimal}connections: { q: { kind: bullmq, read: "\${A}", queue: "a:b" } }`,
    'do not use ":"',
  ],
  [
    'a duration of zero',
    `${minimal}connections: { q: { kind: bullmq, read: "\${A}", queue: a, stalledInterval: 0s } }`,
    'duration',
  ],
  [
    'an automatic approval for an unknown connection',
    `${minimal}auto: [{ kind: notify, connection: nope }]`,
    'no connection "nope"',
  ],
  ['nothing', '', 'database: is missing'],
])('%s is refused', (_, text, message) => {
  expect(problems(text).join('\n')).toContain(message)
})

test('a missing file is reported with the path that was tried', () => {
  expect(() => loadConfig({ cwd: directory })).toThrow(`${directory}/runbook.config.yaml: there is no such file`)
})

test('only the hash of a person’s token is kept, whether the file contains the token or its hash', () => {
  const hash = 'a'.repeat(64)
  const config = load(
    `${minimal}people:
  a: { token: "sha256:${hash}", groups: [oncall] }
  b: { token: "\${TOKEN}" }
  c: { token: "\${HASH}" }
  d: { token: "\${NOT_SET}" }
`,
    { TOKEN: 'secret-token', HASH: `sha256:${'b'.repeat(64)}` },
  )
  expect(config.people.a).toEqual({
    tokenHash: hash,
    keys: [],
    channels: [],
    role: 'operator',
    groups: ['oncall'],
    emails: [],
  })
  // printf %s secret-token | sha256sum
  expect(config.people.b!.tokenHash).toBe('930bbdc51b6aed5c2a5678fd6e28dee7a05e8a4b643cfc0b4427c3efb86c0d94')
  expect(config.people.c!.tokenHash).toBe('b'.repeat(64))
  expect(config.people.d).toEqual({
    role: 'operator',
    keys: [],
    groups: [],
    channels: [],
    emails: [],
    tokenReference: '${NOT_SET}',
  })
})

test('each channel has exactly one address, and names of channels and the Slack app must exist', () => {
  const found = (text: string) => problems(`${minimal}${text}`)
  expect(found('channels: { a: { slack: "${A}", pagerduty: { key: "${B}" } } }\n')).toEqual([
    expect.stringContaining('name exactly one of slack, slackApp, webhook, email, pagerduty'),
  ])
  expect(found('channels: { a: {} }\n')).toEqual([expect.stringContaining('name exactly one of')])
  expect(found('channels: { a: { slackApp: C0123 } }\n')).toEqual([expect.stringContaining('the section "slack"')])
  expect(found('groups: { oncall: { channels: [a] } }\n')).toEqual([expect.stringContaining('there is no channel "a"')])
  expect(found('people:\n  a: { slack: U0123 }\n  b: { slack: U0123 }\n')).toEqual([
    expect.stringContaining('two people have the same Slack user'),
  ])
})

test('the Slack app has a workspace if the configuration names it by its id', () => {
  const slack = (team: string) => `${minimal}slack: { token: "${'$'}{A}", signingSecret: "${'$'}{B}"${team} }\n`
  expect(load(slack('')).slack).not.toHaveProperty('team')
  expect(load(slack(', team: T0123ABCD')).slack).toMatchObject({ team: 'T0123ABCD' })
  expect(problems(slack(', team: our-company'))).toEqual([
    expect.stringContaining('write the id of the Slack workspace, such as T0123ABCD'),
  ])
})

test('two people cannot have the same token or key: one person could then count as two approvers', () => {
  const key = publicKeyOf(newSigningKey())
  const found = (people: string, env = {}) => problems(`${minimal}people:\n${people}`, env)
  const hash = `sha256:${createHash('sha256').update('secret').digest('hex')}`
  expect(found(`  a: { token: "\${TOKEN}" }\n  b: { token: "${hash}" }\n`, { TOKEN: 'secret' })).toEqual([
    expect.stringContaining('a and b have the same token'),
  ])
  expect(found(`  a: { keys: ["${key}"] }\n  b: { keys: ["${key}"] }\n`)).toEqual([
    expect.stringContaining('a and b have the same key'),
  ])
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const sameBytes = key.slice(0, -1) + alphabet[alphabet.indexOf(key.at(-1)!) + 1]
  for (const written of [sameBytes, `${key}=`])
    expect(found(`  a: { keys: ["${key}"] }\n  b: { keys: ["${written}"] }\n`)).toEqual([
      expect.stringContaining('a and b have the same key'),
    ])
  expect(
    found(`  a: { keys: ["${key}", "${key}"] }\n  b: { token: "\${NOT_SET}" }\n  c: { token: "\${NOT_SET}" }\n`),
  ).toEqual([])
})

test('earlier signing keys are public keys, written as plain text', () => {
  const key = publicKeyOf(newSigningKey())
  expect(load(minimal).signing.previous).toEqual([])
  expect(load(`${minimal}signing: { previous: ["${key}"] }\n`).signing.previous).toEqual([key])
  for (const wrong of ['x', 'ed25519:abc', '${KEY}', `${key}=`])
    expect(problems(`${minimal}signing: { previous: ["${wrong}"] }\n`), wrong).not.toEqual([])
})

test('after a key rotation, signatures of the earlier key are still valid if it is listed in signing.previous', async () => {
  const [before, after] = [newSigningKey(), newSigningKey()]
  const text = (more: string) => `${minimal}signing: { key: "\${KEY}", previous: [${more}] }\n`
  const signed = openEngineKeyring(load(text(''), { KEY: before })).signText('x')
  expect(openEngineKeyring(load(text(`"${publicKeyOf(before)}"`), { KEY: after })).verifyText('x', signed)).toBe(true)
  expect(openEngineKeyring(load(text(''), { KEY: after })).verifyText('x', signed)).toBe(false)
})

test('the identity provider: asymmetric algorithms, an https address, at most one person per login', () => {
  const oidc = (more: string) =>
    `${minimal}oidc: { issuer: "https://id.example.com/", audience: runbook, jwks: "https://id.example.com/keys"${more} }\n`
  expect(load(oidc('')).oidc).toEqual({
    issuer: 'https://id.example.com/',
    audience: 'runbook',
    jwks: 'https://id.example.com/keys',
    algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
    typ: 'at+jwt',
    maxAgeMs: 3_600_000,
    name: 'sub',
    groupsClaim: 'groups',
    groups: {},
  })
  expect(load(minimal).oidc).toBeUndefined()
  for (const more of [', algorithms: [HS256]', ', algorithms: [none]', ', algorithms: []', ', groups: { oncall: sre }'])
    expect(problems(oidc(more)), more).not.toEqual([])
  expect(problems(oidc('').replace('https://id.example.com/keys', 'http://id.example.com/keys'))).toHaveLength(1)
  expect(problems(`${minimal}people: { a: { login: x }, b: { login: x } }\n`)).toHaveLength(1)
})

test('the sign-in at the identity provider needs the address of the pages, an https issuer and the scope openid', () => {
  const oidc = (issuer: string, signIn: string) =>
    `${minimal}oidc: { issuer: "${issuer}", audience: a, jwks: "https://id.example.com/keys", signIn: { clientId: c${signIn} } }\n`
  const url = 'url: https://runbooks.example.com\n'
  const { signIn } = load(url + oidc('https://id.example.com/', ', clientSecret: "${CLIENT_SECRET}"')).oidc!
  expect(signIn).toMatchObject({
    clientId: 'c',
    scopes: ['openid', 'profile', 'email'],
    label: 'the identity provider',
  })
  expect(problems(oidc('https://id.example.com/', '')).join()).toContain('oidc.signIn: needs "url"')
  for (const issuer of ['example', 'http://id.example.com/', 'http://localhost.example.com/'])
    expect(problems(url + oidc(issuer, '')).join(), issuer).toContain('oidc.issuer: must be the https:// address')
  expect(problems(url + oidc('https://id.example.com/', ', scopes: [groups]')).join()).toContain('the scope openid')
  expect(problems(url + oidc('https://id.example.com/', ', clientSecret: plain'))).toHaveLength(1)
})

test.each([
  ['shop:prod', 'mail'],
  ['{shop:prod}', 'mail'],
  ['bull', 'Email Queue'],
  ['bull', 'mail/out.eu'],
])('prefix %s with queue %s is accepted, as BullMQ accepts it', (prefix, queue) => {
  const text = `${minimal}connections: { q: { kind: bullmq, read: "\${A}", prefix: "${prefix}", queue: "${queue}" } }`
  expect(problems(text)).toEqual([])
})

test.each([
  ['sh*p', 'mail'],
  ['a b', 'mail'],
  ['bull', '[m]ail'],
  ['bull', 'ma?l'],
])('prefix %s with queue %s is refused, because it would be a wildcard or a second pattern', (prefix, queue) => {
  const text = `${minimal}connections: { q: { kind: bullmq, read: "\${A}", prefix: "${prefix}", queue: "${queue}" } }`
  expect(problems(text)).toHaveLength(1)
})

test('the sentinels of a Redis are host:port; their password is a reference', () => {
  const text = (sentinel: string) =>
    `${minimal}connections:\n  q: { kind: bullmq, read: "\${R}", queue: jobs, sentinel: ${sentinel} }\n`
  const { q } = load(text('{ name: main, addresses: ["10.0.0.1:26379"], password: "${S}" }'), {
    S: 'of-sentinel',
  }).connections
  expect(q).toMatchObject({ sentinel: { name: 'main', addresses: ['10.0.0.1:26379'] } })
  expect(JSON.stringify(q)).not.toContain('of-sentinel')
  expect(problems(text('{ name: main, addresses: ["redis://10.0.0.1"] }'))).toEqual([
    expect.stringContaining('host:port'),
  ])
})
