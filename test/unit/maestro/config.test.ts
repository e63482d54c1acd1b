import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { configEnvironment, readConfig } from '../../../examples/maestro/config.ts'
import { temporaryFolder } from './temporary-folder.ts'

const LOCAL = {
  MAESTRO_DATABASE_URL: 'postgres://maestro:secret@127.0.0.1:5432/maestro',
  MAESTRO_REDIS_URL: 'redis://127.0.0.1:6379',
}

test('variables that are not set have defaults', () => {
  expect(readConfig(LOCAL, '/srv/app')).toEqual({
    databaseUrl: LOCAL.MAESTRO_DATABASE_URL,
    redisUrl: LOCAL.MAESTRO_REDIS_URL,
    dir: '/srv/app/.runbook/maestro',
    prefix: 'maestro',
    queue: 'queue',
    port: 7400,
    workers: 2,
    concurrency: 2,
  })
})

test('the environment overrides .runbook/env', () => {
  const cwd = temporaryFolder()
  mkdirSync(join(cwd, '.runbook'))
  const lines = ['# made by hand', ...Object.entries(LOCAL).map(([k, v]) => `${k}="${v}"`), 'MAESTRO_WORKERS=7']
  writeFileSync(join(cwd, '.runbook', 'env'), `${lines.join('\n')}\n`)
  expect(readConfig({ MAESTRO_PREFIX: 'mine', MAESTRO_WORKERS: '4' }, cwd)).toMatchObject({
    databaseUrl: LOCAL.MAESTRO_DATABASE_URL,
    prefix: 'mine',
    workers: 4,
  })
})

test('a child process reads the same configuration from its environment', () => {
  const config = readConfig({ ...LOCAL, MAESTRO_PREFIX: 'other', MAESTRO_DIR: '/tmp/other' }, '/srv/app')
  expect(readConfig(configEnvironment(config), '/elsewhere')).toEqual(config)
})

test.each([
  ['postgres://maestro@db.example/maestro'],
  ['postgres://maestro@127.0.0.1.example/maestro'],
  ['postgres://maestro@127.0.0.1/maestro?host=db.example'],
  ['postgres://maestro@10.0.0.1/maestro'],
])('a database on another machine is refused: %s', (url) => {
  expect(() => readConfig({ ...LOCAL, MAESTRO_DATABASE_URL: url })).toThrow('accepts only servers on this machine')
})

test.each([['redis://cache.example'], ['redis://[2001:db8::1]:6379'], ['redis://0.0.0.0']])(
  'a Redis on another machine is refused: %s',
  (url) => {
    expect(() => readConfig({ ...LOCAL, MAESTRO_REDIS_URL: url })).toThrow('accepts only servers on this machine')
  },
)

test.each([['redis://localhost:1'], ['redis://[::1]:6379'], ['redis://127.1.2.3']])(
  'a Redis on this machine is accepted: %s',
  (url) => {
    expect(readConfig({ ...LOCAL, MAESTRO_REDIS_URL: url }).redisUrl).toBe(url)
  },
)

test.each([
  ['MAESTRO_DATABASE_URL', undefined, 'MAESTRO_DATABASE_URL is not set'],
  ['MAESTRO_REDIS_URL', 'http://127.0.0.1', 'MAESTRO_REDIS_URL is not a redis:// address'],
  ['MAESTRO_PREFIX', 'a:b', 'MAESTRO_PREFIX is "a:b"'],
  ['MAESTRO_WORKERS', '2.5', 'MAESTRO_WORKERS is "2.5": use a whole number from 1 to 32'],
  ['MAESTRO_PORT', '80', 'MAESTRO_PORT is "80": use a whole number from 1024 to 65000'],
])('%s = %s is refused with a message that says what to do', (name, value, message) => {
  expect(() => readConfig({ ...LOCAL, [name]: value }, '/nowhere')).toThrow(message)
})
