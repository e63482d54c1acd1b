import { randomInt } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { writeStackFile } from '../../src/stack/stack-file.ts'

/** Writes fixed ports outside the usual range to the stack file. While a server is down, no other stack can take its port. */
export function choosePorts(dir: string): void {
  const first = 24_000 + randomInt(750) * 10 + half()
  const ports = { postgres: first, redis: first + 1, temporal: first + 2 }
  mkdirSync(dir, { recursive: true })
  writeStackFile(dir, { owner: { pid: 0, started: '' }, addresses: {}, processes: {}, ports })
}

/** The first of three ports for the processes of Maestro. */
export function maestroPort(): number {
  return 22_000 + randomInt(190) * 10 + half()
}

/** The half of each range of ports that this file uses. Two files that run at the same time have different ids, so they never choose the same ports. */
function half(): 0 | 5 {
  return Number(process.env.VITEST_POOL_ID) % 2 === 0 ? 0 : 5
}
