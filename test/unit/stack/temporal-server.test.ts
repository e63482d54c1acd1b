import { expect, test } from 'vitest'
import { temporalSpec } from '../../../src/stack/temporal.ts'

const server = {
  binary: 'temporal',
  stateDir: null,
  port: 1234,
  uiPort: null,
  namespace: 'default',
  searchAttributes: { RunbookKey: 'Keyword' },
} as const

test('the dev server listens on this machine only, and reads no profile or environment file of the user', () => {
  const { args, env } = temporalSpec(server, '/home')
  expect(args).toEqual(
    expect.arrayContaining([
      '--ip=127.0.0.1',
      '--port=1234',
      '--headless',
      '--disable-config-env',
      '--disable-config-file',
    ]),
  )
  expect(args.join(' ')).toContain('--search-attribute RunbookKey=Keyword')
  expect(env).toEqual({ PATH: process.env['PATH'], HOME: '/home' })
})

test('activities do not wait for a tick, and each task queue has one partition', () => {
  const line = temporalSpec(server, '/home').args.join(' ')
  expect(line).toContain('--dynamic-config-value history.transferProcessorMaxPollRPS=2000')
  expect(line).toContain('--dynamic-config-value matching.numTaskqueueReadPartitions=1')
  expect(line).toContain('--dynamic-config-value matching.numTaskqueueWritePartitions=1')
})

test('the state is in a file only when a folder is given', () => {
  expect(temporalSpec(server, '/home').args).not.toContain('--db-filename')
  const { args } = temporalSpec({ ...server, stateDir: '/data' }, '/home')
  expect(args[args.indexOf('--db-filename') + 1]).toBe('/data/state.db')
})
