import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
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
  expect(readFileSync(join(dir, 'installed'), 'utf8')).toBe('redis-server\npython3-venv\n')
})
