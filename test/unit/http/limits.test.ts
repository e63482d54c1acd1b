import { expect, test } from 'vitest'
import { RateLimit, Slots } from '../../../src/http/limits.ts'

test('a minute has so many requests; then one more each time that its part of a minute has passed', () => {
  let now = 0
  const limit = new RateLimit(60, () => now)
  const taken = () => Array.from({ length: 100 }, () => limit.take('operator')).filter((seconds) => seconds === 0)
  expect(taken()).toHaveLength(60)
  expect(limit.take('operator')).toBe(1)
  expect(limit.take('lead')).toBe(0)
  now += 2_000
  expect(taken()).toHaveLength(2)
  now += 3_600_000
  expect(taken()).toHaveLength(60)
})

test('the names of a flood do not stay in memory, and push out those that were quiet for longest', () => {
  const limit = new RateLimit(1, () => 0)
  limit.take('operator')
  for (let at = 0; at < 9_000; at += 1) limit.take(`10.0.0.${at}`)
  expect(limit.take('operator')).toBe(60)
  for (let at = 0; at < 11_000; at += 1) limit.take(`10.1.0.${at}`)
  expect(limit.take('operator')).toBe(0)
})

test('slots are limited for everybody and for one person, and given back once', () => {
  const slots = new Slots('reviews', { all: 3, perPerson: 2 })
  const first = slots.take('operator')
  slots.take('operator')
  expect(() => slots.take('operator')).toThrow('operator has 2 reviews open: try again in 2 s')
  slots.take('lead')
  expect(() => slots.take('reader')).toThrow('3 reviews are open')
  first()
  first()
  expect(slots.taken).toBe(2)
  slots.take('reader')
  expect(() => slots.take('someone')).toThrow('3 reviews are open')
})
