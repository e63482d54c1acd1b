import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { cachedTemporal, findPresentTemporal, findTemporal } from '../../../src/stack/temporal-binary.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'temporal-'))
  vi.stubEnv('PATH', `${dir}/bin:/usr/bin:/bin`)
  vi.stubEnv('XDG_CACHE_HOME', `${dir}/cache`)
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(dir, { recursive: true, force: true })
})

test('the program on PATH goes before the one in our cache', async () => {
  await program(join(dir, 'bin/temporal'), 'echo temporal version 2.0.0')
  await program(cachedTemporal(), 'echo temporal version 1.5.1')
  const lines: string[] = []
  expect(await findTemporal((line) => lines.push(line))).toBe(join(dir, 'bin/temporal'))
  expect(lines).toEqual([`Temporal: ${dir}/bin/temporal (PATH, 2.0.0)`])
})

test('a program of that name that does not run is passed over', async () => {
  await program(join(dir, 'bin/temporal'), 'exit 1')
  await program(cachedTemporal(), 'echo temporal version 1.5.1')
  expect(await findPresentTemporal()).toMatchObject({ from: 'cache', version: '1.5.1' })
})

test('where there is none, none is found and nothing is started to get one', async () => {
  expect(await findPresentTemporal()).toBeNull()
})

async function program(path: string, script: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 })
}
