import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { NO_POLICY, type Policy, type PolicyRule } from '../../../src/core/policy.ts'
import { RunbookText } from '../../../src/http/pages/runbook-text.tsx'
import { compileRunbook } from '../../../src/language/compile.ts'

const MINIMAL = readFileSync(new URL('../../fixtures/runbooks/valid/minimal.yaml', import.meta.url), 'utf8')

async function textOf(yaml: string, policy: Policy = NO_POLICY): Promise<string> {
  const { plan, problems } = compileRunbook(yaml, { file: 'minimal.yaml' })
  expect(problems.filter(({ severity }) => severity === 'error')).toEqual([])
  return String(await RunbookText({ plan: plan!, policy }))
}

test('a remedy says what the policy demands, whatever the runbook asks for', async () => {
  expect(await textOf(MINIMAL)).not.toContain('Whatever the runbook asks for')
  const rule: PolicyRule = {
    ...{ name: 'two people', match: { connection: ['maestro-db'] }, by: [], count: 2 },
    ...{ excludeRequester: false, excludeAuthor: false, strength: 'login', breakGlass: false },
  }
  const text = await textOf(MINIMAL, { ...NO_POLICY, rules: [rule] })
  expect(text.match(/Whatever the runbook asks for/g)).toHaveLength(1)
  expect(text.slice(text.indexOf('Remedy fail-runs'))).toContain('policy rule &quot;two people&quot;: 2 people')
})

test('a remedy without a verification says so, and one without "holds" names no time', async () => {
  const text = await textOf(
    MINIMAL.replace(
      /  resume-queue:[\s\S]*?(?=  fail-runs:)/,
      `  resume-queue:
    title: Resume the queue
    do: [{ action: manual, with: { instructions: Resume it } }]
`,
    ),
  )
  expect(text.slice(text.indexOf('Remedy resume-queue'), text.indexOf('Remedy fail-runs'))).toContain(
    'It has no verification.',
  )
  const verified = text.slice(text.indexOf('Remedy fail-runs'))
  expect(verified).toMatch(/It helped if .*, within 10m 00s\./)
  expect(verified).not.toContain('0ms')
})

test('a statement of several lines is shown on one line', async () => {
  const text = await textOf(MINIMAL)
  expect(text).toContain('SELECT id, attempt, job_id FROM runs')
})
