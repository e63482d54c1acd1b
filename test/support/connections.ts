import { runCheck } from '../../activities/checks/run-check.ts'
import type { BullmqConnection, Config, PostgresConnection } from '../../src/config/config.ts'
import { Secret } from '../../src/config/secret.ts'
import type { Evidence } from '../../src/core/evidence.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { openTargets } from '../../src/targets/open-targets.ts'
import type { Targets } from '../../src/targets/targets.ts'

export const secretOf = (value: string) => new Secret('${X}', 'test', value, [])

export function bullmqConnection(
  read: string,
  given: Partial<Omit<BullmqConnection, 'read' | 'write'>> & { write?: string } = {},
): BullmqConnection {
  const { write = read, ...rest } = given
  return {
    kind: 'bullmq',
    read: secretOf(read),
    write: secretOf(write),
    prefix: 'bull',
    queue: 'queue',
    stalledIntervalMs: 30_000,
    redact: [],
    ...rest,
  }
}

export function postgresConnection(
  read: string,
  write = read,
  ledger: 'target' | 'none' = 'target',
): PostgresConnection {
  return { kind: 'postgres', read: secretOf(read), write: secretOf(write), ledger, redact: [] }
}

/** Opens clients for one test or file; `targets` are closed by `close`. */
export function openTestTargets(connections: Config['connections']): Targets {
  return openTargets({ connections })
}

export function check(targets: Targets, kind: string, parameters: JsonObject = {}): Promise<Evidence> {
  const given = { connection: 'c', ...parameters }
  return runCheck({ name: 'c', kind, parameters: given, timeoutMs: 8_000, retries: 0, place: 'r1/check/c' }, targets)
}
