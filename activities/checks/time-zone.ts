import type { Time } from './parse-time.ts'

const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS
/** The step in which offsets are searched. Clocks are always changed at a full quarter of an hour. */
const QUARTER_MS = 15 * MINUTE_MS

/**
 * Gives times without a zone the exact time that they have in a time zone, such as `Europe/Berlin`. When clocks are set back or forward,
 * they show some times twice or never; such a time stays without an exact time.
 */
export function timesIn(timeZone: string): (time: Time | undefined) => Time | undefined {
  const format = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' })
  const offsetAt = (at: number) => offsetOf(format.formatToParts(at).find(({ type }) => type === 'timeZoneName')!.value)
  const offsets = new Map<number, number | undefined>()
  const offsetOfLocal = (local: number) => {
    const quarter = Math.floor(local / QUARTER_MS)
    if (!offsets.has(quarter)) offsets.set(quarter, onlyOffset(quarter * QUARTER_MS, offsetAt))
    return offsets.get(quarter)
  }
  return (time) => {
    if (!time || 'at' in time) return time
    const offset = offsetOfLocal(time.local)
    return offset === undefined ? time : { at: time.local - offset }
  }
}

/** The offset from UTC that the zone has when its clocks show this time; undefined if there is no such offset, or more than one. */
function onlyOffset(local: number, offsetAt: (at: number) => number): number | undefined {
  const around = new Set([offsetAt(local - DAY_MS), offsetAt(local + DAY_MS)])
  const fitting = [...around].filter((offset) => offsetAt(local - offset) === offset)
  return fitting.length === 1 ? fitting[0] : undefined
}

/** Converts `GMT+05:30` to milliseconds; `GMT` is 0. */
function offsetOf(name: string): number {
  const [, sign, hours = '0', minutes = '0', seconds = '0'] = /^GMT([+-])?(\d\d)?:?(\d\d)?:?(\d\d)?$/.exec(name)!
  const size = (Number(hours) * 60 + Number(minutes)) * MINUTE_MS + Number(seconds) * 1_000
  return sign === '-' ? -size : size
}
