import { expect, test } from 'vitest'
import { unencodedPassword } from '../../../src/targets/explain-connection.ts'
import { explainRedis, movedTo } from '../../../src/targets/explain-redis.ts'
import { hostAndPort, parseRedisAddress, splitHostAndPort } from '../../../src/targets/redis-address.ts'

const parse = (text: string) => parseRedisAddress('c', 'read', text)

test.each([
  ['redis://h', { host: 'h', port: 6379, db: 0 }],
  ['redis://:p%40ss@h:1/2', { password: 'p@ss', port: 1, db: 2 }],
  ['rediss://u:100%@h', { username: 'u', password: '100%', tls: { servername: 'h' } }],
  ['redis://[::1]:7', { host: '::1', port: 7 }],
])('%s is an address', (text, expected) => {
  expect(parse(text)).toMatchObject(expected)
})

test.each(['redis://u:12/34@h', 'redis://u:12#34@h', 'redis://u:12?34@h', 'postgres://u:1234/x@h/db'])(
  'in %s the password ends the host part: it is named, and no part of it is shown',
  (text) => {
    expect(unencodedPassword(text)).toContain('write them as %2F')
    if (text.startsWith('redis'))
      expect(() => parse(text)).toThrow(/^connection c \(read\): the user or password contains/)
  },
)

test.each([
  'postgres://u:p@h/db',
  'postgres:///db?host=/tmp&user=a@b',
  'postgres://h:5432/db?application_name=a@b',
  'redis://h',
])('%s has no such password', (text) => {
  expect(unencodedPassword(text)).toBeUndefined()
})

test.each([
  ['rediss://h?sslrootcert=/ca.pem', { ca: '/ca.pem' }],
  ['rediss://h?sslcert=/a%20b.pem&sslkey=/k.pem', { cert: '/a b.pem', key: '/k.pem' }],
  ['rediss://h?family=0', {}],
])('%s names the files of certificates', (text, files) => {
  expect(parse(text).tls).toEqual({ servername: 'h', files })
})

test.each([
  ['redis://h?db=3', 'a parameter that is not supported'],
  ['redis://h?tls=true', 'TLS as rediss://'],
  ['redis://h?sslrootcert=/ca.pem', 'write rediss:// instead of redis://'],
  ['rediss://h?sslcert=/c.pem', 'needs both sslcert and sslkey'],
])('%s is refused: a parameter is never ignored', (text, expected) => {
  expect(() => parse(text)).toThrow(expected)
})

test('the node that a cluster names is used, also when the cluster does not know its own host', () => {
  expect(movedTo(new Error('MOVED 3999 127.0.0.1:6381'))).toEqual({ host: '127.0.0.1', port: 6381 })
  expect(movedTo(new Error('MOVED 3999 :6381'))).toEqual({ host: '', port: 6381 })
  expect(movedTo(new Error('MOVED 3999 fd00::1:6381'))).toEqual({ host: 'fd00::1', port: 6381 })
  expect(movedTo(new Error('ASK 3999 127.0.0.1:6381'))).toBeUndefined()
})

test('an error of the server is kept after its meaning, and others are unchanged', () => {
  const inScript = "ERR Error running script: @user_script: 1: -READONLY You can't write against a read only replica."
  expect(explainRedis(new Error(inScript))).toContain(
    `the server is a replica, which refuses writes: use the address of the primary server (${inScript}`,
  )
  expect(explainRedis(new Error('ERR no such key'))).toBe('ERR no such key')
})

test('host and port are written and read', () => {
  expect(hostAndPort({ host: '::1', port: 1 })).toBe('[::1]:1')
  expect(splitHostAndPort('h', 26_379)).toEqual({ host: 'h', port: 26_379 })
  expect(splitHostAndPort('[::1]:5', 26_379)).toEqual({ host: '::1', port: 5 })
})
