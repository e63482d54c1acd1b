import { createHash, randomInt } from 'node:crypto'

/** `RUNBOOK_CHAOS=long` runs each fault as often as a night allows; otherwise as often as a test run allows. */
const LONG = process.env.RUNBOOK_CHAOS === 'long'

/** How often: in the short profile, in the long one. */
export function times(short: number, long: number): number {
  return LONG ? long : short
}

/** The run's seed, by `RUNBOOK_CHAOS_SEED` or by chance. It decides what chance decides; the machine's timing stays its own. */
const SEED = Number(process.env.RUNBOOK_CHAOS_SEED ?? randomInt(2 ** 31))

/** A test's own seed, printed, so that it does not depend on which tests ran before it. */
export function seedOf(test: string): number {
  const seed = createHash('sha256').update(`${SEED}/${test}`).digest().readInt32BE(0) >>> 1
  console.log(`  ${test}: RUNBOOK_CHAOS_SEED=${SEED}`)
  return seed
}

export interface Chance {
  /** 0 up to, and without, `below`. */
  upTo(below: number): number
  /** From `least` to `most` milliseconds. */
  pause(least: number, most: number): number
  one<T>(list: readonly T[]): T
}

/** The same for the same test and seed (mulberry32). */
export function chanceOf(test: string): Chance {
  let state = seedOf(test)
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    upTo: (below) => Math.floor(next() * below),
    pause: (least, most) => least + Math.floor(next() * (most - least + 1)),
    one: (list) => list[Math.floor(next() * list.length)]!,
  }
}
