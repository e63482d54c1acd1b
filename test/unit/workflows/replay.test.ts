import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { bundleWorkflowCode, Worker, type WorkflowBundleWithSourceMap } from '@temporalio/worker'
import { beforeAll, describe, expect, test } from 'vitest'
import { HISTORY_CASES } from '../../support/history-cases.ts'
import { historyFrom } from '../../support/history-file.ts'
import { QUIET, quietTemporal } from '../../support/quiet-temporal.ts'

/**
 * Histories of incidents in each state in which they wait, and of each outcome, replayed against today's workflow code. One that fails
 * here would hang a running incident when the new code is rolled out: keep the old order of commands for incidents that are under way
 * (Temporal's `patched`), or let them end before. `npm run histories` records new ones;
 * those that are there stay as an older version left them.
 */
const folder = new URL('../../fixtures/histories/', import.meta.url)
const names = readdirSync(folder).map((file) => file.replace('.json', ''))

let today: WorkflowBundleWithSourceMap

function bundleOf(path: string): Promise<WorkflowBundleWithSourceMap> {
  return bundleWorkflowCode({ workflowsPath: fileURLToPath(new URL(path, import.meta.url)), logger: QUIET })
}

const replay = (workflowBundle: WorkflowBundleWithSourceMap, name: string) =>
  Worker.runReplayHistory({ workflowBundle }, historyFrom(readFileSync(new URL(`${name}.json`, folder), 'utf8')))

beforeAll(async () => {
  quietTemporal()
  today = await bundleOf('../../../workflows/incident.ts')
}, 60_000)

test('every case has a history', () => {
  expect(names.toSorted()).toEqual(HISTORY_CASES.map(({ name }) => name).toSorted())
})

test.each(names)('%s names no path of the machine that recorded it', (name) => {
  expect(readFileSync(new URL(`${name}.json`, folder), 'utf8')).not.toMatch(/"stackTrace": "[^"]/)
})

describe('replays', () => {
  test.each(names)('%s', { timeout: 30_000 }, async (name) => {
    await expect(replay(today, name)).resolves.toBeUndefined()
  })
})

test('a change in the order of commands is caught', { timeout: 60_000 }, async () => {
  const changed = await bundleOf('../../support/changed-workflow.ts')
  await expect(replay(changed, 'waits-at-the-gate')).rejects.toMatchObject({ name: 'DeterminismViolationError' })
})
