import { expect, test } from 'vitest'
import { main } from '../../../src/cli/main.ts'
import { fakeApi } from './fake-api.ts'
import { fakeTerminal } from './fake-terminal.ts'

const [OLD, NEW] = ['a1b2'.padEnd(64, '0'), 'c3d4'.padEnd(64, '0')]

const path = '/v1/runbooks/stuck-runs/versions'
const api = () =>
  fakeApi({
    [`GET ${path}`]: () => ({
      versions: [
        { planDigest: NEW, firstUsedAt: null, incidents: 0, authors: [], loaded: true },
        { planDigest: OLD, firstUsedAt: new Date(0).toISOString(), incidents: 3, authors: ['lead'], loaded: false },
      ],
    }),
    [`GET ${path}/${OLD}`]: () => ({ planDigest: OLD, source: 'version: 1\ntitle: before\n' }),
    [`GET ${path}/${NEW}`]: () => ({ planDigest: NEW, source: 'version: 1\ntitle: after\n' }),
  })

async function run(...argv: string[]) {
  const terminal = fakeTerminal({ env: { RUNBOOK_URL: (await api()).url, RUNBOOK_TOKEN: 't' } })
  const code = await main(['versions', 'stuck-runs', ...argv], terminal)
  return { code, out: terminal.out, err: terminal.err }
}

test('lists the versions with what is loaded, how many incidents ran by each, and its author', async () => {
  const { code, out } = await run()
  expect(code).toBe(0)
  expect(out).toMatch(
    /VERSION +LOADED +FIRST USED +INCIDENTS +AUTHOR\nc3d400000000 +yes +- +0 +-\na1b200000000 +no +.* ago +3 +lead/,
  )
})

test('compares a version with the loaded one, or two versions', async () => {
  const { out } = await run('--diff', 'a1b2')
  expect(out).toContain('-title: before\n+title: after')
  expect((await run('--diff', 'c3d4', 'a1b2')).out).toContain('-title: after\n+title: before')
  expect((await run('--diff', 'c3d4')).err).toContain('equal')
})

test('prints one version, and refuses one that it does not know', async () => {
  expect((await run('--show', 'a1b2')).out).toBe('version: 1\ntitle: before\n\n')
  const unknown = await run('--show', 'ffff')
  expect([unknown.code, unknown.err]).toEqual([2, expect.stringContaining('no version begins with "ffff"')])
})
