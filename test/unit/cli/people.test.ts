import { existsSync, mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { main } from '../../../src/cli/main.ts'
import { loadConfig } from '../../../src/config/load-config.ts'
import { openEngineKeyring } from '../../../src/engine/open-keyring.ts'
import { peopleOf } from '../../../src/engine/people.ts'
import { authenticate } from '../../../src/gate/authenticate.ts'
import { newSigningKey, publicKeyOf, signClaims } from '../../../src/gate/keyring.ts'
import { fakeTerminal } from './fake-terminal.ts'

const CONFIG = `database: \${DB}
# Who decides.
people:
  operator: { token: '\${RUNBOOK_OPERATOR}', groups: [oncall] } # on duty
signing: { key: '\${RUNBOOK_SIGNING_KEY}' } # the engine's key
`

/** A project with a signing key in `.runbook/env`. */
function project({ env = {}, config = CONFIG }: { env?: Record<string, string>; config?: string } = {}) {
  const cwd = mkdtempSync(join(tmpdir(), 'runbook-people-'))
  const file = join(cwd, 'runbook.config.yaml')
  const key = newSigningKey()
  writeFileSync(file, config)
  mkdirSync(join(cwd, '.runbook'))
  writeFileSync(join(cwd, '.runbook', 'env'), `DB=postgres://x\nRUNBOOK_SIGNING_KEY=${key}\n`, { mode: 0o600 })
  return {
    cwd,
    key,
    text: () => readFileSync(file, 'utf8'),
    load: (more: Record<string, string> = {}) => loadConfig({ cwd, env: { ...env, ...more } }),
    run: async (...argv: string[]) => {
      const terminal = fakeTerminal({ cwd, env })
      return { code: await main(argv, terminal), out: terminal.out.trim(), err: terminal.err }
    },
  }
}

test('people add writes a person with the hash of a new token, prints the token once, and keeps every other character', async () => {
  const { run, load, text } = project()
  const added = await run('people', 'add', 'ana', '-g', 'oncall', '--group', 'support', '--email', 'ana@example.com')
  expect(added).toMatchObject({ code: 0, err: expect.stringContaining('cannot be shown again') })
  expect(
    text()
      .split('\n')
      .filter((line) => !line.startsWith('  ana:'))
      .join('\n'),
  ).toBe(CONFIG)
  expect(text()).not.toContain(added.out)
  expect(authenticate(peopleOf(load()), added.out)).toMatchObject({
    name: 'ana',
    groups: ['oncall', 'support'],
    emails: ['ana@example.com'],
  })
  expect(await run('people', 'add', 'ana')).toMatchObject({ code: 2, err: expect.stringContaining('already in') })
  expect((await run('people', 'list')).out.split('\n')).toEqual([
    'operator  oncall  token: ${RUNBOOK_OPERATOR}, which is not set',
    expect.stringMatching(/^ana {2}oncall, support {2}token: sha256:[0-9a-f]{8}…$/),
  ])
})

test('a person without a token, and one with a key of their own', async () => {
  const { run, load, cwd } = project()
  expect(await run('people', 'add', 'bob', '--no-token', '--login', 'bob@idp')).toMatchObject({ code: 0, out: '' })
  const { out: publicKey, code } = await run('key', 'create', '--to', 'cleo.key')
  expect(code).toBe(0)
  expect((await run('key', 'create', '--to', 'cleo.key')).err).toContain('already exists')
  await run('people', 'add', 'cleo', '--key', publicKey, '-o', 'json')
  expect(load().people).toMatchObject({ bob: { login: 'bob@idp' }, cleo: { keys: [publicKey] } })
  expect(load().people['bob']).not.toHaveProperty('tokenHash')
  const [, own] = /^RUNBOOK_KEY=(.*)\n$/.exec(readFileSync(join(cwd, 'cleo.key'), 'utf8'))!
  expect(publicKeyOf(own!)).toBe(publicKey)
  expect(statSync(join(cwd, 'cleo.key')).mode & 0o777).toBe(0o600)
})

test('a change that would make the configuration wrong is refused, and the file stays as it is', async () => {
  const { run, text, cwd } = project()
  for (const argv of [
    ['people', 'add', 'not a name'],
    ['people', 'add', 'ana', '--group', '${X}'],
  ]) {
    const refused = await run(...argv)
    expect(refused.code).not.toBe(0)
    expect(refused.err).toContain('was not changed, because it would be wrong')
  }
  expect(await run('people', 'remove', 'nobody')).toMatchObject({
    code: 2,
    err: expect.stringContaining('People there: operator'),
  })
  expect(text()).toBe(CONFIG)
  expect(existsSync(join(cwd, 'runbook.config.yaml.new'))).toBe(false)
})

test('token create and revoke change one person; a token in a variable is not replaced silently', async () => {
  const { run, load, text } = project()
  const first = (await run('people', 'add', 'ana', '-g', 'oncall')).out
  expect(await run('token', 'create', 'ana')).toMatchObject({ code: 1, err: expect.stringContaining('--replace') })
  const second = (await run('token', 'create', 'ana', '--replace')).out
  expect(authenticate(peopleOf(load()), second).name).toBe('ana')
  expect(() => authenticate(peopleOf(load()), first)).toThrow('belongs to nobody')
  expect((await run('token', 'list')).out).toContain('ana  sha256:')

  expect(await run('token', 'revoke', 'ana')).toMatchObject({ code: 0 })
  expect(() => authenticate(peopleOf(load()), second)).toThrow('belongs to nobody')
  expect((await run('token', 'list', '-o', 'json')).out).toContain('"person":"ana","token":"none"')

  expect(await run('token', 'create', 'operator')).toMatchObject({
    code: 1,
    err: expect.stringContaining('is ${RUNBOOK_OPERATOR}'),
  })
  await run('token', 'revoke', 'operator')
  expect(text()).toContain('  operator: { groups: [oncall] } # on duty\n')
  expect((await run('token', 'create', 'operator')).code).toBe(0)
  await run('people', 'remove', 'ana')
  expect(Object.keys(load().people)).toEqual(['operator'])
})

test('key rotate replaces the key in .runbook/env; decisions of the former key are still verified, and no private key is printed', async () => {
  const { run, load, cwd, key, text } = project()
  const claims = {
    gate: 'INC-1.r1',
    proposalDigest: 'a'.repeat(64),
    decision: 'approve',
    person: 'operator',
    iat: 1,
    jti: 'x',
  } as const
  const before = await signClaims(claims, key)
  const rotated = await run('key', 'rotate')
  expect(rotated).toMatchObject({ code: 0, err: expect.stringContaining('no restart is needed') })
  const env = readFileSync(join(cwd, '.runbook', 'env'), 'utf8')
  expect(env).not.toContain(key)
  const [, made] = /^RUNBOOK_SIGNING_KEY=(.*)$/m.exec(env)!
  expect(rotated.out).toBe(publicKeyOf(made!))
  expect(rotated.out + rotated.err).not.toContain(made)
  expect(load().signing.previous).toEqual([publicKeyOf(key)])
  expect(text()).toContain(`previous: [${publicKeyOf(key)}] } # the engine's key`)
  const keyring = openEngineKeyring(load())
  expect(await keyring.examine(before)).toMatchObject({ claims, key: publicKeyOf(key) })
  expect(keyring.publicKey).toBe(rotated.out)

  await run('key', 'rotate')
  expect(load().signing.previous).toEqual([rotated.out, publicKeyOf(key)])
})

test('key rotate with a key in the environment writes the new one to a file; an attempt that ended halfway is continued', async () => {
  const key = newSigningKey()
  const { run, load, cwd } = project({ env: { RUNBOOK_SIGNING_KEY: key } })
  expect(await run('key', 'rotate')).toMatchObject({ code: 2, err: expect.stringContaining('--to <file>') })
  expect(load().signing.previous).toEqual([])
  // A process that ended after the first step has listed the key already.
  expect(await run('key', 'rotate', '--to', 'missing/new.env')).toMatchObject({ code: 2 })
  expect(load().signing.previous).toEqual([publicKeyOf(key)])
  const done = await run('key', 'rotate', '--to', 'new.env')
  expect(done).toMatchObject({ code: 0 })
  expect(load().signing.previous).toEqual([publicKeyOf(key)])
  const file = readFileSync(join(cwd, 'new.env'), 'utf8')
  expect(publicKeyOf(/^RUNBOOK_SIGNING_KEY=(.*)\n$/.exec(file)![1]!)).toBe(done.out)
  expect((await run('key', 'rotate', '--to', 'new.env')).err).toContain('already exists')
})
