import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { main } from '../../../examples/maestro/cli/main.ts'
import { temporaryFolder } from './temporary-folder.ts'

let said: string

beforeEach(() => {
  said = ''
  const note = (text: string | Uint8Array): boolean => {
    said += String(text)
    return true
  }
  vi.spyOn(process.stdout, 'write').mockImplementation(note)
  vi.spyOn(process.stderr, 'write').mockImplementation(note)
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
  [['fault', 'queue-paused'], 1, '"npm start" starts it'],
  [['scale', '--', '2'], 1, '"npm start" starts it'],
  [['load'], 1, '"npm start" starts it'],
  [['down'], 0, 'Maestro is not up'],
  [['--help'], 0, 'Usage: maestro'],
])('maestro %j ends with %i and says: %s', async (argv, code, message) => {
  expect(await main(argv)).toBe(code)
  expect(said).toContain(message)
})

test('an address that is missing is named', async () => {
  vi.stubEnv('MAESTRO_REDIS_URL', 'redis://cache.example')
  expect(await main(['status'])).toBe(2)
  expect(said).toContain('MAESTRO_REDIS_URL points to cache.example')
})
