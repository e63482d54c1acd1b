import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ADVISORY_LOCKS, LOCK_SEEDS } from '../../../src/history/advisory-locks.ts'

const root = join(import.meta.dirname, '../../..')
const HOME = 'src/history/advisory-locks.ts'

/** Matches a call of a lock function, such as `pg_advisory_lock` or `pg_try_advisory_xact_lock_shared`, with the text of its arguments. */
const CALL = /pg_(?:try_)?advisory_(?:xact_)?lock(?:_shared)?\s*\(((?:[^()]|\([^()]*\))*)\)/g
const NUMBER = /\b\d[\d_]*\b/g

/** Every call that takes an advisory lock, in the product's own source and migrations. */
async function lockCalls(): Promise<{ file: string; numbers: number[] }[]> {
  const found: { file: string; numbers: number[] }[] = []
  for (const folder of ['src', 'activities', 'workflows', 'bench']) {
    for (const name of await readdir(join(root, folder), { recursive: true })) {
      if (!/\.(ts|sql|lua)$/.test(name)) continue
      const text = await readFile(join(root, folder, name), 'utf8')
      for (const [, args] of text.matchAll(CALL)) {
        const withoutPlaceholders = args!.replace(/\$\d+/g, '')
        const numbers = [...withoutPlaceholders.matchAll(NUMBER)].map(([digits]) => Number(digits.replaceAll('_', '')))
        found.push({ file: `${folder}/${name}`, numbers })
      }
    }
  }
  return found
}

test('advisory locks have distinct numbers, and kinds of names have distinct seeds', () => {
  for (const numbers of [Object.values(ADVISORY_LOCKS), Object.values(LOCK_SEEDS)])
    expect(new Set<number>(numbers).size).toBe(numbers.length)
})

test('only advisory-locks.ts takes advisory locks, except the functions in the migrations', async () => {
  const files = new Set((await lockCalls()).map(({ file }) => file))
  expect([...files].filter((file) => !file.endsWith('.sql')).toSorted()).toEqual([HOME])
})

test('the numbers in the migrations are the numbers of advisory-locks.ts', async () => {
  const inSql = (await lockCalls()).filter(({ file }) => file.endsWith('.sql'))
  expect(inSql).toEqual([
    { file: 'src/history/migrations/0003-controls.sql', numbers: [ADVISORY_LOCKS.controls] },
    { file: 'src/history/migrations/0004-one-statement.sql', numbers: [LOCK_SEEDS.incidentKey] },
    { file: 'src/history/migrations/0008-started-workflow.sql', numbers: [LOCK_SEEDS.incidentKey] },
    { file: 'src/history/migrations/0012-controls-without-waiting.sql', numbers: [ADVISORY_LOCKS.controls] },
    { file: 'src/history/migrations/0016-keys-by-type.sql', numbers: [LOCK_SEEDS.incidentKey] },
    { file: 'src/history/migrations/0018-alerts.sql', numbers: [LOCK_SEEDS.alert] },
    { file: 'src/history/migrations/0018-alerts.sql', numbers: [LOCK_SEEDS.incidentKey] },
    { file: 'src/history/migrations/0022-detection.sql', numbers: [LOCK_SEEDS.alert] },
    { file: 'src/history/migrations/0022-detection.sql', numbers: [LOCK_SEEDS.incidentKey] },
    { file: 'src/history/migrations/0031-alerts-together.sql', numbers: [LOCK_SEEDS.alert] },
    { file: 'src/history/migrations/0031-alerts-together.sql', numbers: [LOCK_SEEDS.incidentKey] },
    { file: 'src/history/migrations/0036-alerts-in-bulk.sql', numbers: [LOCK_SEEDS.alert] },
    { file: 'src/history/migrations/0036-alerts-in-bulk.sql', numbers: [LOCK_SEEDS.incidentKey] },
  ])
})

test('no other source file writes a lock number', async () => {
  for (const folder of ['src', 'activities', 'workflows', 'bench'])
    for (const name of await readdir(join(root, folder), { recursive: true })) {
      const file = `${folder}/${name}`
      if (!name.endsWith('.ts') || file === HOME) continue
      const digits = (await readFile(join(root, file), 'utf8')).replaceAll('_', '')
      for (const number of Object.values(ADVISORY_LOCKS)) expect(digits, file).not.toContain(String(number))
    }
})
