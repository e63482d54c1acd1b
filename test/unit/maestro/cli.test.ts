import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { main } from '../../../examples/maestro/cli/main.ts'
import { temporaryFolder } from './temporary-folder.ts'

let output: string

beforeEach(() => {
  output = ''
  const capture = (text: string | Uint8Array): boolean => {
    output += String(text)
    return true
  }
  vi.spyOn(process.stdout, 'write').mockImplementation(capture)
  vi.spyOn(process.stderr, 'write').mockImplementation(capture)
  vi.stubEnv('MAESTRO_DATABASE_URL', 'postgres://maestro@127.0.0.1:1/maestro')
  vi.stubEnv('MAESTRO_REDIS_URL', 'redis://127.0.0.1:1')
  vi.stubEnv('MAESTRO_DIR', temporaryFolder())
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
})

test.each([
  [['scale', 'many'], 2, 'Use a whole number.'],
  [['scale', '--', '-1'], 2, 'Use a whole number.'],
  [['scale'], 2, `missing required argument 'workers'`],
  [['nonsense'], 2, `unknown command 'nonsense'`],
  [['fault', 'nonsense'], 2, 'unknown fault "nonsense": use one of workers-killed, stalled-nobody-checks'],
  [['inspect', 'run-1', '-o', 'xml'], 2, '-o xml: use table or json'],
  [['inspect', 'run-1'], 1, 'connect ECONNREFUSED 127.0.0.1:1'],
  [['fault', 'queue-paused'], 1, 'run "npm start" to start it'],
  [['scale', '--', '2'], 1, 'run "npm start" to start it'],
  [['load'], 1, 'run "npm start" to start it'],
  [['down'], 0, 'Maestro is not running'],
  [['--help'], 0, 'Usage: maestro'],
])('maestro %j exits with %i and prints: %s', async (argv, code, message) => {
  expect(await main(argv)).toBe(code)
  expect(output).toContain(message)
})

test('an address on another machine is refused, and the message names the variable', async () => {
  vi.stubEnv('MAESTRO_REDIS_URL', 'redis://cache.example')
  expect(await main(['status'])).toBe(2)
  expect(output).toContain('MAESTRO_REDIS_URL points to cache.example')
})
