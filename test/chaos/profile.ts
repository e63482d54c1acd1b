import { createHash, randomInt } from 'node:crypto'

/** `RUNBOOK_CHAOS=long` selects the long profile, which takes hours. The default is the short profile, for normal test runs. */
const LONG = process.env.RUNBOOK_CHAOS === 'long'

/** Returns the value for the selected profile. */
export function byProfile(short: number, long: number): number {
  return LONG ? long : short
}

/** The seed of this run: `RUNBOOK_CHAOS_SEED` or a random one. It makes random values repeatable, but not the timing of the machine. */
const SEED = Number(process.env.RUNBOOK_CHAOS_SEED ?? randomInt(2 ** 31))

/** Derives the seed of one test, independent of other tests, and prints the seed of the run. */
export function seedOf(test: string): number {
  const seed = createHash('sha256').update(`${SEED}/${test}`).digest().readInt32BE(0) >>> 1
  console.log(`  ${test}: RUNBOOK_CHAOS_SEED=${SEED}`)
  return seed
}

export interface RandomSource {
  /** An integer from 0 to `limit` - 1. */
  below(limit: number): number
  /** An integer from `min` to `max`. */
  between(min: number, max: number): number
}

/** Random numbers that are repeatable for the same test and seed (mulberry32). */
export function randomOf(test: string): RandomSource {
  let state = seedOf(test)
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    below: (limit) => Math.floor(next() * limit),
    between: (min, max) => min + Math.floor(next() * (max - min + 1)),
  }
}
