import { randomBytes } from 'node:crypto'
import type pg from 'pg'
import { inTransaction } from '../database/connect.ts'
import { MaestroError } from '../errors.ts'
import { WORKFLOWS } from '../workflows.ts'
import { queueStep } from './queue-step.ts'

export interface RunRequest {
  workflow: string
  /** Input for each step, by the step's name: `{ transcode: { seconds: 2 } }`. */
  input: Record<string, Record<string, unknown>>
  count: number
}

const MAX_RUNS_PER_REQUEST = 1000

/** Stores new runs, each with its first step and outbox entry, in one transaction. Returns their ids. */
export async function acceptRuns(pool: pg.Pool, request: RunRequest): Promise<string[]> {
  const first = WORKFLOWS[request.workflow]?.[0]
  if (!first) {
    const known = Object.keys(WORKFLOWS).join(', ')
    throw new MaestroError('usage', `unknown workflow "${request.workflow}": use one of ${known}`)
  }
  if (!Number.isInteger(request.count) || request.count < 1 || request.count > MAX_RUNS_PER_REQUEST) {
    throw new MaestroError('usage', `count is ${request.count}: use a whole number from 1 to ${MAX_RUNS_PER_REQUEST}`)
  }
  return inTransaction(pool, async (client) => {
    const ids: string[] = []
    for (let made = 0; made < request.count; made++) {
      const id = `run-${randomBytes(5).toString('hex')}`
      await client.query('INSERT INTO runs (id, workflow, current_step, input) VALUES ($1, $2, $3, $4)', [
        id,
        request.workflow,
        first.step,
        request.input,
      ])
      await queueStep(client, { run: id, ...first, attempt: 1, input: request.input[first.step] ?? {} })
      ids.push(id)
    }
    return ids
  })
}
