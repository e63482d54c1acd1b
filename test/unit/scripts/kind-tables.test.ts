import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { kindTables } from '../../../scripts/generate/kind-tables.ts'

function repositoryWith(...files: string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'kinds-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  for (const kind of ['src/language/kinds', 'activities/checks', 'activities/actions'])
    mkdirSync(join(folder, kind), { recursive: true })
  for (const file of files) writeFileSync(join(folder, file), '')
  return folder
}

test('a new check needs its description and its implementation: both tables then list it', async () => {
  const folder = repositoryWith('src/language/kinds/kafka-lag.ts', 'activities/checks/kafka-lag.ts')
  const tables = await kindTables(folder)
  expect(tables['src/language/kinds/all-kinds.ts']).toContain('CHECKS: readonly Kind[] = [kafkaLag]')
  expect(tables['activities/checks/check-table.ts']).toContain("'kafka.lag': kafkaLag")
  expect(tables['activities/actions/action-table.ts']).not.toContain('kafka')
})

test('a kind without an implementation, or with two, is refused', async () => {
  const one = 'src/language/kinds/kafka-lag.ts'
  await expect(kindTables(repositoryWith(one))).rejects.toThrow(
    'Write its implementation in activities/checks/kafka-lag.ts',
  )
  const two = repositoryWith(one, 'activities/checks/kafka-lag.ts', 'activities/actions/kafka-lag.ts')
  await expect(kindTables(two)).rejects.toThrow('kafka-lag.ts')
})
