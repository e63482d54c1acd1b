import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

test.each(['src/history/migrations', 'src/effects/migrations'])(
  'the migrations in %s are numbered from 1 without gaps, so that two branches cannot bring the same number',
  (folder) => {
    const names = readdirSync(join(import.meta.dirname, '../../..', folder)).toSorted()
    expect(names.map((name) => name.slice(0, 5))).toEqual(names.map((_, i) => `${String(i + 1).padStart(4, '0')}-`))
    expect(names.length).toBeGreaterThan(0)
  },
)
