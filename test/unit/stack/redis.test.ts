import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { prepareRedis, redisSpec } from '../../../src/stack/redis.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'redis-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

test('users.acl has the default user with the hash of our password, and keeps the users that were saved', async () => {
  const home = await prepareRedis(dir, 'secret-password')
  const file = join(home, 'users.acl')
  const [ours] = (await readFile(file, 'utf8')).split('\n')
  await writeFile(file, `user default on nopass ~* &* +@all\nuser reader on #abc ~* +get\n`)
  await prepareRedis(dir, 'secret-password')
  expect((await readFile(file, 'utf8')).trim().split('\n')).toEqual([ours, 'user reader on #abc ~* +get'])
  expect(ours).toMatch(/^user default on #[0-9a-f]{64} /)
  expect(ours).not.toContain('secret-password')
  expect((await stat(file)).mode & 0o777).toBe(0o600)
})

test('Redis listens on this machine only, keeps its data on disk, and never evicts keys', () => {
  const { args } = redisSpec({ kind: 'program', path: 'redis-server' }, '/data', 1234, 'secret-password')
  const line = args.join(' ')
  expect(line).toContain('--bind 127.0.0.1 --port 1234')
  expect(line).toContain('--appendonly yes')
  expect(line).toContain('--maxmemory-policy noeviction')
  expect(line).not.toContain('secret-password')
})

test('with Docker the port is published on this machine only', () => {
  const { args } = redisSpec({ kind: 'docker', path: 'docker' }, '/data', 1234, 'secret-password')
  expect(args.join(' ')).toContain('--publish 127.0.0.1:1234:6379')
})
