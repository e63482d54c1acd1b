import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { readAddress } from '../../../src/cli/address.ts'
import { howToCall, howToStart } from '../../../src/cli/how-to-start.ts'
import { packageRoot } from '../../../src/cli/installation/package-root.ts'

test('in a clone everything is started with npm, and nothing is on PATH', () => {
  expect(howToStart(packageRoot())).toBe('"npm start"')
  expect(howToCall(packageRoot())).toContain('npx runbook')
  expect(readAddress(join(packageRoot(), 'src', 'cli'), {}).start).toBe('"npm start"')
})

test('elsewhere it is the command itself', () => {
  const elsewhere = mkdtempSync(join(tmpdir(), 'elsewhere-'))
  onTestFinished(() => rmSync(elsewhere, { recursive: true }))
  expect(howToStart(elsewhere)).toBe('"runbook up"')
  expect(howToCall(elsewhere)).toBeNull()
})
