import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { PolicyRule } from '../../../src/core/policy.ts'
import { authorsOf } from '../../../src/engine/runbook-authors.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'authors-'))
  mkdirSync(join(directory, 'runbooks'))
})
afterEach(() => rmSync(directory, { recursive: true }))

const FILE = 'runbooks/-a b.yaml'
const path = () => join(directory, FILE)
const git = (...args: string[]) => execFileSync('git', args, { cwd: directory, stdio: 'pipe' })

/** Commits a text as the person with this address. */
function commit(text: string, email: string): void {
  writeFileSync(path(), text)
  git('init', '--quiet')
  git('add', '--all')
  git('-c', 'user.name=x', '-c', `user.email=${email}`, 'commit', '--quiet', '--allow-empty', '--message=x')
}

const rule = (excludeAuthor: boolean): PolicyRule => ({
  ...{ name: 'a', match: {}, by: [], count: 1, excludeRequester: false, excludeAuthor },
  ...{ strength: 'login', breakGlass: false },
})
const person = (email: string) => ({ keys: [], groups: [], emails: [email] })
const config = (excludeAuthor = true) => ({
  policy: { rules: [rule(excludeAuthor)], environments: {} },
  people: { alice: person('Alice@example.org'), bob: person('bob@example.org') },
})

async function author(text: string, file = path(), wanted = config()): Promise<string | undefined> {
  return (await authorsOf(wanted, [{ file, text, planDigest: 'digest' } as never])).get('digest')
}

test('the author is who committed the last change of the file, by the addresses of people', async () => {
  commit('one', 'bob@example.org')
  commit('two', 'alice@example.org')
  writeFileSync(join(directory, 'other'), '')
  commit('two', 'bob@example.org')
  expect(await author('two')).toBe('alice')
})

test('nobody is asked for where the policy excludes no author', async () => {
  commit('one', 'bob@example.org')
  expect(await author('one', path(), config(false))).toBeUndefined()
})

test('the author is unknown without git, for an unknown address, and for text that is not committed', async () => {
  writeFileSync(path(), 'one')
  expect(await author('one')).toBeUndefined()
  commit('one', 'eve@example.org')
  expect(await author('one')).toBeUndefined()
  commit('two', 'bob@example.org')
  expect(await author('two')).toBe('bob')
  expect(await author('three')).toBeUndefined()
  expect(await author('two', join(directory, 'runbooks/absent.yaml'))).toBeUndefined()
})

test('the author is unknown in a shallow clone, where the oldest commit seems to have written everything', async () => {
  commit('one', 'alice@example.org')
  writeFileSync(join(directory, 'other'), '')
  commit('one', 'bob@example.org')
  git('clone', '--quiet', '--depth=1', `file://${directory}`, 'clone')
  expect(await author('one', join(directory, 'clone', FILE))).toBeUndefined()
  expect(await author('one')).toBe('alice')
})
