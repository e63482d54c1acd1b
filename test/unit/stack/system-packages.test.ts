import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { identify } from '../../../src/stack/process-identity.ts'
import { installDebianPackage } from '../../../src/stack/system-packages.ts'
import { emptyMachine, writeProgram } from './fake-programs.ts'

test('two packages are installed one after the other, because apt-get refuses to run twice at the same time', async () => {
  const { bin, dir } = emptyMachine()
  vi.spyOn(process, 'getuid').mockReturnValue(0)
  const lock = join(dir, 'apt-lock')
  writeFileSync(join(dir, 'installed'), '')
  writeProgram(
    join(bin, 'apt-get'),
    `mkdir ${lock} || { echo "E: Could not get lock"; exit 100; }
     sleep 0.1
     [ "$1" = install ] && for name in "$@"; do last=$name; done && echo "$last" >> ${dir}/installed
     rmdir ${lock}`,
  )
  const names = ['redis-server', 'python3-venv']
  expect(await Promise.all(names.map((name) => installDebianPackage(name, () => undefined)))).toEqual([null, null])
  // Either package may be the first.
  expect(readFileSync(join(dir, 'installed'), 'utf8').trim().split('\n').toSorted()).toEqual(names.toSorted())
})

test('a package is installed after another process has installed its package', async () => {
  const { bin, dir, cache } = emptyMachine()
  vi.spyOn(process, 'getuid').mockReturnValue(0)
  writeProgram(join(bin, 'apt-get'), `touch ${dir}/ran`)
  const other = spawn('/bin/sleep', ['60'])
  mkdirSync(cache)
  writeFileSync(join(cache, 'apt-get.lock.1'), JSON.stringify(await identify(other.pid!)))
  const lines: string[] = []
  const installed = installDebianPackage('redis-server', (line) => lines.push(line))
  await expect.poll(() => lines).toEqual([expect.stringContaining(`waiting for process ${other.pid}`)])
  expect(existsSync(join(dir, 'ran'))).toBe(false)
  other.kill()
  await once(other, 'exit')
  expect(await installed).toBeNull()
  expect(existsSync(join(dir, 'ran'))).toBe(true)
})
