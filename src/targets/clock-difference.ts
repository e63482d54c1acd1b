import type { ClientBase } from 'pg'

/** By how much two clocks may differ: less than the ages that matter in an incident. */
export const MAX_CLOCK_DIFFERENCE_MS = 30_000

/** By how many milliseconds the clock of the server differs at least from that of this process. */
export async function clockDifferenceMs(client: Pick<ClientBase, 'query'>): Promise<number> {
  const before = Date.now()
  const { rows } = await client.query<{ ms: number }>(
    'SELECT extract(epoch FROM pg_catalog.clock_timestamp())::float8 * 1000 AS ms',
  )
  const after = Date.now()
  const server = rows[0]!.ms
  return Math.max(before - server, server - after, 0)
}
