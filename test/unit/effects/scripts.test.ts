import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { bullmqQuarantineAction } from '../../../activities/actions/bullmq-quarantine.ts'
import { bullmqResumeAction } from '../../../activities/actions/bullmq-resume.ts'
import { bullmqRetryAction } from '../../../activities/actions/bullmq-retry.ts'
import type { Action } from '../../../activities/actions/action.ts'
import { EFFECT_REDIS_COMMANDS } from '../../../src/effects/redis-rights.ts'
import type { BullmqTarget } from '../../../src/targets/targets.ts'

const folder = new URL('../../../src/effects/scripts/', import.meta.url)
const scripts = readdirSync(folder).filter((name) => name.endsWith('.lua'))
const textOf = (name: string) => readFileSync(new URL(name, folder), 'utf8')
const withoutComments = (text: string) => text.replace(/--.*$/gm, '')

test.each(scripts)('%s calls only commands that the write user may run', (name) => {
  const allowed = new Set<string>(EFFECT_REDIS_COMMANDS)
  const called = [...withoutComments(textOf(name)).matchAll(/'([A-Z]{3,})'/g)].map((match) => match[1]!.toLowerCase())
  const options = ['withscores', 'maxlen', 'replace']
  expect(called.filter((command) => !allowed.has(command) && !options.includes(command))).toEqual([])
  expect(called.length).toBeGreaterThan(0)
})

test('before anything is changed, a script checks every right that the write user has, except to run scripts', () => {
  const [, list] = /ipairs\(\{([^}]+)\}\)/.exec(textOf('enter.lua'))!
  const checked = [...list!.matchAll(/'([A-Z]+)'/g)].map((match) => match[1]!.toLowerCase())
  expect(['eval', ...checked].sort()).toEqual([...EFFECT_REDIS_COMMANDS].sort())
})

const target = { base: 'maestro:queue', redis: { hget: async () => 'dedup' } } as unknown as BullmqTarget

test.each([bullmqResumeAction, bullmqRetryAction, bullmqQuarantineAction])(
  '$kind.name declares exactly the keys and arguments that its script reads',
  async (action: Action) => {
    if (action.implementation.protocol !== 'script') throw new Error('not a script')
    const call = await action.implementation.call({ connection: 'queue', id: 'job' }, target)
    const text = withoutComments(textOf('enter.lua') + textOf(`${call.script}.lua`))
    const highest = (what: string) =>
      Math.max(...[...text.matchAll(new RegExp(`${what}\\[(\\d+)\\]`, 'g'))].map((match) => Number(match[1])))
    // enter.lua finds the mark of a queue that Bull paused by its name; the other keys are read by their numbers.
    expect(call.keys.at(-1)).toBe('maestro:queue:meta-paused')
    expect(highest('KEYS')).toBe(2 + call.keys.length - 1)
    expect(highest('ARGV')).toBe(4 + call.argv.length)
    for (const key of call.keys) expect(key).toMatch(/^maestro:queue:/)
    expect(new Set(call.keys).size).toBe(call.keys.length)
  },
)
