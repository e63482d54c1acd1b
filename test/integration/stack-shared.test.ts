import { expect, inject, test } from 'vitest'
import { probePostgres } from '../../src/stack/postgres.ts'
import { probeRedis } from '../../src/stack/redis.ts'
import { probeTemporal } from '../../src/stack/temporal.ts'

test('all servers of the stack that the suites share answer', async () => {
  const stack = inject('stack')
  await probePostgres(stack.postgresUrl)
  await probeRedis(stack.redisUrl)
  await probeTemporal(stack.temporalAddress, 'default')
  expect(stack.temporalBinary ?? 'given').not.toBe('')
})
