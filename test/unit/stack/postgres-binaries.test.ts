import { mkdir, mkdtemp, readlink, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { hydrateSymlinks } from '../../../src/stack/postgres-binaries.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'native-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

test('missing links are created, and existing ones are kept', async () => {
  const native = join(dir, 'native')
  await mkdir(join(native, 'lib'), { recursive: true })
  await writeFile(join(native, 'lib/libx.so.6.1'), 'x')
  const link = (target: string) => ({ source: 'native/lib/libx.so.6.1', target: `native/lib/${target}` })
  await writeFile(join(native, 'pg-symlinks.json'), JSON.stringify([link('libx.so.6'), link('libx.so')]))
  await hydrateSymlinks(native)
  await hydrateSymlinks(native)
  expect(await readlink(join(native, 'lib/libx.so.6'))).toBe('libx.so.6.1')
  expect(await readlink(join(native, 'lib/libx.so'))).toBe('libx.so.6.1')
})
