import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { bundleWorkflowCode, Worker, type WorkflowBundleWithSourceMap } from '@temporalio/worker'
import { beforeAll, describe, expect, test } from 'vitest'
import { HISTORY_CASES } from '../../support/history-cases.ts'
import { historyFrom } from '../../support/history-file.ts'
import { QUIET, quietTemporal } from '../../support/quiet-temporal.ts'

/**
 * Replays stored histories against the current workflow code: one incident for each state in which it can wait, and for each outcome. If
 * a history fails here, a running incident would hang after a rollout of the new code. Either keep the old order of
 * commands for running incidents (Temporal's `patched`), or let them end first. `npm run histories` records missing histories and leaves
 * the existing ones as an older version recorded them.
 */
const folder = new URL('../../fixtures/histories/', import.meta.url)
const names = readdirSync(folder).map((file) => file.replace('.json', ''))

function bundleOf(path: string): Promise<WorkflowBundleWithSourceMap> {
  return bundleWorkflowCode({ workflowsPath: fileURLToPath(new URL(path, import.meta.url)), logger: QUIET })
}

/** Replays these histories with one worker. Returns the error of each history that fails, by its name. */
async function replay(workflowBundle: WorkflowBundleWithSourceMap, ofNames: string[]) {
  const errors = new Map<string, unknown>()
  const histories = ofNames.map((name) => ({
    workflowId: name,
    history: historyFrom(readFileSync(new URL(`${name}.json`, folder), 'utf8')),
  }))
  let replayed = 0
  for await (const { workflowId, error } of Worker.runReplayHistories({ workflowBundle }, histories)) {
    replayed += 1
    if (error) errors.set(workflowId, error)
  }
  expect(replayed).toBe(ofNames.length)
  return errors
}

let errors: Map<string, unknown>

beforeAll(async () => {
  quietTemporal()
  errors = await replay(await bundleOf('../../../workflows/incident.ts'), names)
}, 180_000)

test('every case has a history', () => {
  expect(names.toSorted()).toEqual(HISTORY_CASES.map(({ name }) => name).toSorted())
})

test.each(names)('%s contains no path of the machine that recorded it', (name) => {
  expect(readFileSync(new URL(`${name}.json`, folder), 'utf8')).not.toMatch(/"stackTrace": "[^"]/)
})

describe('replays', () => {
  test.each(names)('%s', (name) => {
    expect(errors.get(name)).toBeUndefined()
  })
})

test('a change in the order of commands is caught', { timeout: 60_000 }, async () => {
  const changed = await bundleOf('../../support/changed-workflow.ts')
  const found = await replay(changed, ['waits-at-the-gate'])
  expect(found.get('waits-at-the-gate')).toMatchObject({ name: 'DeterminismViolationError' })
})
