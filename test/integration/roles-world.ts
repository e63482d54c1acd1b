import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestStack } from '../support/global-stack.ts'
import { openHttpWorld, type HttpWorld } from './http-world.ts'

/** A second runbook. It differs from that of `http-world.ts` in its names only. */
const OWN_RUNS = `version: 1
runbook: own-runs
incident: own-run
title: A run of the operator
inputs: { run: { type: string } }
key: own-run/\${{ inputs.run }}
diagnose:
  seen:
    check: sql.query
    with: { connection: db, sql: SELECT 1 AS n, columns: { n: int } }
causes:
  - cause: anything
    title: Something was seen
    when: size(seen.rows) > 0
    because: \${{ size(seen.rows) }} rows
    remedy: none
escalate: { to: [platform], message: an operator must act }
`

/** A world with the runbooks `test-runs` (type test-run) and `own-runs` (type own-run), and with grants. */
export interface RolesWorld extends HttpWorld {
  /** Writes other grants to the configuration, and loads it as a running process does. */
  grant(access: string): Promise<void>
  /** Opens an incident as the lead. */
  open(type: 'test-run' | 'own-run'): Promise<string>
}

const LIMITS = 'limits: { failedLoginsPerMinute: 100000, writesPerMinute: 100000 }\n'

export async function openRolesWorld(stack: TestStack, access: string): Promise<RolesWorld> {
  const world = await openHttpWorld(stack, { config: LIMITS + access, runbooks: { 'own-runs.yaml': OWN_RUNS } })
  let opened = 0
  return {
    ...world,
    async grant(other) {
      const file = join(world.root, 'runbook.config.yaml')
      const text = readFileSync(file, 'utf8')
      writeFileSync(file, text.slice(0, text.indexOf(LIMITS)) + LIMITS + other)
      await world.reload()
    },
    async open(type) {
      opened += 1
      const body = { type, inputs: { run: `run-${opened}` } }
      const { json, text } = await world.call('POST', '/v1/incidents', { as: 'lead', body })
      if (!json?.incident) throw new Error(text)
      return json.incident
    },
  }
}
