import { expect, test } from 'vitest'
import { isNamedSecret, resolveSecret, scrubSecrets } from '../../../src/config/secret.ts'

test.each([
  'connect to postgres://u:hunter2@h:5432/d failed',
  'redis://:hunter2@h:6379',
  'postgres://u:p@ss:hunter2@h/d',
  'https://h/x?token=hunter2&a=b',
  'Authorization: Bearer hunter2hunter2',
  'POST https://hooks.slack.com/services/hunter2',
])('the secret in %s is hidden', (text) => {
  const scrubbed = scrubSecrets(text)
  expect(scrubbed).not.toContain('hunter2')
  expect(scrubbed).toContain('***')
})

test('a message without a secret stays as it is', () => {
  const text = 'connect ECONNREFUSED 127.0.0.1:5432 (postgres://u@h:5432/d)'
  expect(scrubSecrets(text)).toBe(text)
})

test('every secret of this process is hidden wherever it appears; of an address only the password is hidden', () => {
  resolveSecret('${DB}', 'connection db (read)', { DB: 'postgres://reader:corr%20ect-horse@h:5432/shop' })
  resolveSecret('${KEY}', 'connection api (header X-Api-Key)', { KEY: 'battery.staple+1' })
  resolveSecret('${HOOK}', 'channel people', { HOOK: 'https://chat.example/T1/B1/xyzzy' })
  expect(scrubSecrets('as corr ect-horse, corr%20ect-horse, (battery.staple+1) at /T1/B1/xyzzy of h:5432/shop')).toBe(
    'as ***, ***, (***) at *** of h:5432/shop',
  )
})

test('an environment variable of a command is a secret if its name is that of a secret; values of a few characters are not hidden, because they also occur in ordinary words', () => {
  const given = { FOLDER: '/srv/maestro', API_TOKEN: 'plugh-plugh', PIN: 'abcd' }
  for (const name of Object.keys(given)) resolveSecret(`\${${name}}`, 'connection ctl (environment)', given)
  resolveSecret('${PIN}', 'connection api (header Pin)', given)
  expect(scrubSecrets('in /srv/maestro with plugh-plugh, abcd')).toBe('in /srv/maestro with ***, abcd')
})

test.each([
  'x'.repeat(200_000),
  'x.'.repeat(100_000),
  'a://a:'.repeat(30_000),
  'token='.repeat(30_000),
  'bearer '.repeat(30_000),
])('a long text is scrubbed within a second', (text) => {
  const started = performance.now()
  scrubSecrets(text)
  expect(performance.now() - started).toBeLessThan(1_000)
})

test('a password that is a word is hidden as a credential, and stays readable as a host, an id or a reason', () => {
  const secret = resolveSecret('${DB}', 'connection compose (read)', {
    DB: 'postgres://postgres:postgres@postgres:5432/app',
  })
  expect(secret.isCommonWord).toBe(true)
  for (const text of ['connect ECONNREFUSED postgres:5432', 'getaddrinfo ENOTFOUND postgres', 'copy-postgres-1'])
    expect(scrubSecrets(text)).toBe(text)
  expect(scrubSecrets('no route to postgres://postgres:postgres@db/app')).toBe(
    'no route to postgres://postgres:***@db/app',
  )
  expect(scrubSecrets('user=postgres password=postgres')).toBe('user=postgres password=***')
  expect(scrubSecrets('{"dbPassword": "postgres", "host": "postgres"}')).toBe(
    '{"dbPassword": "***", "host": "postgres"}',
  )
  expect([isNamedSecret('DB_PASSWORD', 'postgres'), isNamedSecret('host', 'postgres')]).toEqual([true, false])
})

test.each(['changeme', 'Password123', 'supersecret'])('%s is a common word', (word) => {
  expect(resolveSecret('${R}', 'connection r (read)', { R: `redis://:${word}@cache:6379` }).isCommonWord).toBe(true)
})

test.each(['Zq81-kPx-44Lm-w0', 'xkcdqwrtzp', 'aBcDeFgHiJ', 'canary3f9a1c77de20b45e11'])(
  '%s is not a word, so it is hidden everywhere',
  (password) => {
    const secret = resolveSecret('${R}', 'connection r (read)', { R: `redis://:${password}@cache:6379` })
    expect(secret.isCommonWord).toBe(false)
    expect(scrubSecrets(`login with ${password} was refused`)).toBe('login with *** was refused')
  },
)
