import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { readAddress } from '../../../src/cli/address.ts'
import { npxHint, startCommand } from '../../../src/cli/start-command.ts'
import { packageRoot } from '../../../src/cli/installation/package-root.ts'

test('in a clone, everything is started with npm and the commands are called with npx', () => {
  expect(startCommand(packageRoot())).toBe('"npm start"')
  expect(npxHint(packageRoot())).toContain('npx runbook')
  expect(readAddress(join(packageRoot(), 'src', 'cli'), {}).start).toBe('"npm start"')
})

test('elsewhere, the commands are on PATH', () => {
  const elsewhere = mkdtempSync(join(tmpdir(), 'elsewhere-'))
  onTestFinished(() => rmSync(elsewhere, { recursive: true }))
  expect(startCommand(elsewhere)).toBe('"runbook up"')
  expect(npxHint(elsewhere)).toBeNull()
})
