import { expect, test } from 'vitest'
import { isCron, isTimezone, windowAt } from '../../../src/config/recurring.ts'

const HOUR = 3_600_000
const times = (now: string, forMs = 2 * HOUR, cron = '30 2 * * *', timezone = 'Europe/Berlin') => {
  const window = windowAt({ cron, timezone, forMs }, new Date(now))
  return window && [window.startsAt.toISOString(), window.endsAt.toISOString()]
}

test('the window that contains the time, by the clock of its time zone, otherwise the next one', () => {
  const winter = ['2026-01-10T01:30:00.000Z', '2026-01-10T03:30:00.000Z']
  expect(times('2026-01-10T01:29:59.999Z')).toEqual(winter)
  expect(times('2026-01-10T01:30:00.000Z')).toEqual(winter)
  expect(times('2026-01-10T03:29:59.000Z')).toEqual(winter)
  expect(times('2026-01-10T03:30:00.000Z')).toEqual(['2026-01-11T01:30:00.000Z', '2026-01-11T03:30:00.000Z'])
  expect(times('2026-07-10T00:45:00.000Z')).toEqual(['2026-07-10T00:30:00.000Z', '2026-07-10T02:30:00.000Z'])
})

test('a window that is longer than a day still contains its end', () => {
  expect(times('2026-01-12T11:00:00.000Z', 60 * HOUR, '0 0 * * 6', 'UTC')).toEqual([
    '2026-01-10T00:00:00.000Z',
    '2026-01-12T12:00:00.000Z',
  ])
})

test('only five fields and known time zones are accepted', () => {
  expect(['0 3 * * 1-5', '*/15 * * * *'].map(isCron)).toEqual([true, true])
  expect(['0 0 3 * * *', '61 * * * *', 'daily', '', '0 0 30 2 *'].map(isCron)).toEqual([
    false,
    false,
    false,
    false,
    false,
  ])
  expect(['UTC', 'America/New_York', 'Mars/Base'].map(isTimezone)).toEqual([true, true, false])
})
