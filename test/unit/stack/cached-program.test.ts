import { existsSync, mkdirSync, rmSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findOrObtain, findPresent, wayTo, type Program, type Ways } from '../../../src/stack/cached-program.ts'
import { emptyMachine, writeProgram } from './fake-programs.ts'

const SERVER: Program = {
  title: 'Server',
  name: 'server',
  onPath: ['server', 'server-like'],
  pinned: '2.0',
  versionPattern: /server version (.+)/,
}

/** A cache, and ways whose results a test chooses; `obtained` counts how often each was tried. */
function setup(results: { pinned?: string | null; other?: string | null } = {}) {
  const machine = emptyMachine()
  const lines: string[] = []
  const obtained = { pinned: 0, other: 0 }
  const way = (kind: 'pinned' | 'other', version: string) => {
    const path = cached(version)
    return wayTo(path, `the ${kind} way`, async () => {
      obtained[kind] += 1
      const failed = results[kind] ?? null
      if (failed === null) install(path, version)
      return failed
    })
  }
  function cached(version: string): string {
    return join(machine.cache, `server-v${version}`)
  }
  const ways: Ways = { pinned: [way('pinned', '2.0')], other: [way('other', '1.5')] }
  return { ...machine, lines, obtained, cached, find: () => findOrObtain(SERVER, ways, (line) => lines.push(line)) }
}

function install(path: string, version: string): void {
  writeProgram(path, `echo server version ${version}`)
}

test('a program on PATH is used before the one in the cache, whatever its version', async () => {
  const { bin, cached, find, lines, obtained } = setup()
  install(join(bin, 'server-like'), '0.9')
  install(cached('2.0'), '2.0')
  expect(await find()).toEqual({ path: join(bin, 'server-like'), from: 'PATH', version: '0.9' })
  expect(lines).toEqual([`Server: ${bin}/server-like (PATH, version 0.9)`])
  expect(obtained).toEqual({ pinned: 0, other: 0 })
})

test('a program on PATH that does not run is passed over', async () => {
  const { bin, cached, find } = setup()
  writeProgram(join(bin, 'server'), 'exit 1')
  install(cached('2.0'), '2.0')
  expect(await find()).toMatchObject({ from: 'cache', version: '2.0' })
})

test('of several versions in the cache the pinned one is used', async () => {
  const { cached, find, obtained } = setup()
  for (const version of ['1.5', '2.0', '3.0']) install(cached(version), version)
  expect(await find()).toMatchObject({ path: cached('2.0') })
  expect(obtained.pinned).toBe(0)
})

test('where the cache has an older version only, the pinned one is obtained', async () => {
  const { cached, find, lines } = setup()
  install(cached('1.5'), '1.5')
  expect(await find()).toEqual({ path: cached('2.0'), from: 'the pinned way', version: '2.0' })
  expect(lines).toEqual([
    `Server: ${cached('1.5')} is version 1.5: trying to get version 2.0`,
    `Server: ${cached('2.0')} (the pinned way, version 2.0)`,
  ])
})

test('an older version in the cache is used when the pinned one cannot be obtained, which is tried once a day', async () => {
  const { cached, find, lines, obtained } = setup({ pinned: 'no connection' })
  for (const version of ['1.4', '1.10']) install(cached(version), version)
  expect(await find()).toEqual({ path: cached('1.10'), from: 'cache', version: '1.10' })
  expect(lines.slice(1)).toEqual([
    'Server: the pinned way: no connection',
    `Server: ${cached('1.10')} (cache, version 1.10)`,
  ])
  await find()
  expect(obtained).toEqual({ pinned: 1, other: 0 })
  const yesterday = new Date(Date.now() - 25 * 3_600_000)
  utimesSync(`${cached('2.0')}.failed`, yesterday, yesterday)
  await find()
  expect(obtained).toEqual({ pinned: 2, other: 0 })
})

test('where there is none at all, the other ways follow, and what they gave is used at the next start', async () => {
  const { cached, find, obtained } = setup({ pinned: 'no connection' })
  expect(await find()).toEqual({ path: cached('1.5'), from: 'the other way', version: '1.5' })
  expect(await find()).toEqual({ path: cached('1.5'), from: 'cache', version: '1.5' })
  expect(obtained).toEqual({ pinned: 1, other: 1 })
})

test('when every way fails, each failure is logged in one line and returned', async () => {
  const { cache, find, lines } = setup({ pinned: 'no connection', other: 'no compiler' })
  const failures = ['the pinned way: no connection', 'the other way: no compiler']
  expect(await find()).toEqual({ failures })
  expect(lines).toEqual([`Server: not on PATH and not in ${cache}`, ...failures.map((line) => `Server: ${line}`)])
})

test('a way that gives a program that does not run has failed', async () => {
  const { cached } = setup()
  const way = wayTo(cached('2.0'), 'a way', async () => {
    writeProgram(cached('2.0'), 'echo "GLIBC_2.28 not found"; exit 1')
    return null
  })
  expect(await findOrObtain(SERVER, { pinned: [way], other: [] }, () => undefined)).toEqual({
    failures: [`a way: ${cached('2.0')} does not run: GLIBC_2.28 not found`],
  })
})

test('of several callers at once one obtains it, and all get it', async () => {
  const { cached, find, obtained } = setup()
  const found = await Promise.all([find(), find(), find()])
  expect(found.map((one) => 'path' in one && one.path)).toEqual(Array(3).fill(cached('2.0')))
  expect(obtained.pinned).toBe(1)
})

test('what a killed download left in the cache is removed, and work for another program is not', async () => {
  const { cache, find } = setup()
  const leftOver = join(cache, 'server-v1.0.work-abc')
  const ofAnother = join(cache, 'database-v1.0.work-abc')
  for (const dir of [leftOver, ofAnother]) mkdirSync(dir, { recursive: true })
  await find()
  expect(existsSync(leftOver)).toBe(false)
  expect(existsSync(ofAnother)).toBe(true)
})

test('looking for what is present obtains nothing', async () => {
  const { cached } = setup()
  expect(await findPresent(SERVER)).toBeNull()
  install(cached('1.5'), '1.5')
  expect(await findPresent(SERVER)).toMatchObject({ version: '1.5' })
  rmSync(cached('1.5'))
})
