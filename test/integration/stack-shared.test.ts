import { expect, inject, test } from 'vitest'
import { probePostgres } from '../../src/stack/postgres.ts'
import { probeRedis } from '../../src/stack/redis.ts'
import { probeTemporal } from '../../src/stack/temporal.ts'

test('the suites share one stack, all of whose servers answer', async () => {
  const stack = inject('stack')
  await probePostgres(stack.postgresUrl)
  await probeRedis(stack.redisUrl)
  await probeTemporal(stack.temporalAddress, 'default')
  expect(stack.temporalBinary ?? 'given').not.toBe('')
})
