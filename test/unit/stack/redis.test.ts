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

test('the file of users holds the default user with our password, hashed, and keeps the users that were saved', async () => {
  const home = await prepareRedis(dir, 'geheim')
  const file = join(home, 'users.acl')
  const [ours] = (await readFile(file, 'utf8')).split('\n')
  await writeFile(file, `user default on nopass ~* &* +@all\nuser reader on #abc ~* +get\n`)
  await prepareRedis(dir, 'geheim')
  expect((await readFile(file, 'utf8')).trim().split('\n')).toEqual([ours, 'user reader on #abc ~* +get'])
  expect(ours).toMatch(/^user default on #[0-9a-f]{64} /)
  expect(ours).not.toContain('geheim')
  expect((await stat(file)).mode & 0o777).toBe(0o600)
})

test('it listens on this machine only, keeps what is written, and never evicts', () => {
  const { args } = redisSpec({ kind: 'program', path: 'redis-server' }, '/data', 1234, 'geheim')
  const line = args.join(' ')
  expect(line).toContain('--bind 127.0.0.1 --port 1234')
  expect(line).toContain('--appendonly yes')
  expect(line).toContain('--maxmemory-policy noeviction')
  expect(line).not.toContain('geheim')
})

test('with Docker its port is published on this machine only', () => {
  const { args } = redisSpec({ kind: 'docker', path: 'docker' }, '/data', 1234, 'geheim')
  expect(args.join(' ')).toContain('--publish 127.0.0.1:1234:6379')
})
