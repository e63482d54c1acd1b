import { randomInt } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { writeStackFile } from '../../src/stack/stack-file.ts'

/** A server that is down for a moment must not find its port taken by another one's stack: these are out of anybody's way. */
export function choosePorts(dir: string): void {
  const first = 24_000 + randomInt(1_500) * 5
  const ports = { postgres: first, redis: first + 1, temporal: first + 2 }
  mkdirSync(dir, { recursive: true })
  writeStackFile(dir, { owner: { pid: 0, started: '' }, addresses: {}, processes: {}, ports })
}
