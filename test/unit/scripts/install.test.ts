import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

const script = new URL('../../../scripts/install.js', import.meta.url).href
const { matchesLockfile } = (await import(script)) as { matchesLockfile(dir: string): boolean }

const one = { version: '1.0.0', integrity: 'sha512-one' }
const forAnotherPlatform = { version: '1.0.0', integrity: 'sha512-darwin', optional: true }
let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'install-'))
  await mkdir(join(dir, 'node_modules/one'), { recursive: true })
  const root = { dependencies: { one: '1.0.0' } }
  await write('package-lock.json', { '': root, 'node_modules/one': one, 'node_modules/one-darwin': forAnotherPlatform })
})
afterEach(() => rm(dir, { recursive: true, force: true }))

test('everything is installed, although packages for other platforms are missing', async () => {
  await write('node_modules/.package-lock.json', { 'node_modules/one': one })
  expect(matchesLockfile(dir)).toBe(true)
})

test.each([
  ['nothing is installed', null],
  ['a package is missing', {}],
  ['a package has another version', { 'node_modules/one': { ...one, version: '0.9.0' } }],
  ['a package has another content', { 'node_modules/one': { ...one, integrity: 'sha512-two' } }],
])('an installation is needed when %s', async (_name, packages) => {
  if (packages !== null) await write('node_modules/.package-lock.json', packages)
  expect(matchesLockfile(dir)).toBe(false)
})

test('an installation is needed when the folder of a dependency was removed', async () => {
  await write('node_modules/.package-lock.json', { 'node_modules/one': one })
  await rm(join(dir, 'node_modules/one'), { recursive: true })
  expect(matchesLockfile(dir)).toBe(false)
})

function write(file: string, packages: object): Promise<void> {
  return writeFile(join(dir, file), JSON.stringify({ packages }))
}
