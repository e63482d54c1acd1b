import { mkdirSync, mkdtempSync, renameSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { main } from '../../../src/cli/main.ts'
import { fakeTerminal } from './fake-terminal.ts'

const RUNBOOK = `version: 1
runbook: queue-checks
incident: queue-check
title: The queue is checked
key: queue-check
diagnose:
  queue: { check: bullmq.queue, with: { connection: some-queue } }
causes:
  - { cause: paused, title: It is paused, when: queue.paused, because: the queue is paused, remedy: none }
escalate: { to: [ops], message: check the queue }
`

const NOT_CHECKED = 'connections, groups and channels were not checked: there is no runbook.config.yaml\n'

const CONFIG = `database: \${RUNBOOK_DATABASE_URL}
connections:
  jobs: { kind: bullmq, read: "\${JOBS_READ}", queue: jobs }
`

function folderWith(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'runbook-lint-'))
  writeFileSync(join(folder, 'queue.yaml'), text)
  return folder
}

test('a runbook without findings exits with 0; without a configuration its connections are not checked', async () => {
  const terminal = fakeTerminal()
  expect(await main(['lint', folderWith(RUNBOOK)], terminal)).toBe(0)
  expect([terminal.out, terminal.err]).toEqual(['', `${NOT_CHECKED}1 runbook, no findings\n`])
})

test('findings are printed to stdout, and the exit code is 1', async () => {
  const terminal = fakeTerminal()
  const folder = folderWith(RUNBOOK.replace('queue.paused', 'queue.pause'))
  expect(await main(['lint', folder], terminal)).toBe(1)
  expect(terminal.out).toMatch(/queue\.yaml:9:\d+ error .*Did you mean "paused"\?/)
  expect(terminal.err).toBe(`${NOT_CHECKED}1 runbook, 1 finding\n`)
})

test('findings can be printed as JSON and as GitHub annotations', async () => {
  const folder = folderWith(RUNBOOK.replace('title: The queue', 'titel: The queue'))
  const json = fakeTerminal()
  expect(await main(['lint', folder, '-o', 'json'], json)).toBe(1)
  expect(JSON.parse(json.out).map(({ rule }: { rule: string }) => rule)).toEqual(['unknown-field'])
  const github = fakeTerminal()
  expect(await main(['lint', folder, '--format', 'github'], github)).toBe(1)
  expect(github.out).toMatch(/^::error file=.*queue\.yaml,line=\d+,col=\d+,.*title=unknown-field::/)
})

test('the configuration of a folder above the runbook is used, wherever lint is started', async () => {
  const folder = folderWith(CONFIG)
  const runbooks = join(folder, 'runbooks')
  mkdirSync(runbooks)
  renameSync(join(folder, 'queue.yaml'), join(folder, 'runbook.config.yaml'))
  writeFileSync(join(runbooks, 'queue.yaml'), RUNBOOK)
  for (const [paths, cwd] of [
    [[runbooks], '/nowhere'],
    [[join(runbooks, 'queue.yaml')], '/nowhere'],
    [[], runbooks],
    [[], folder],
  ] as const) {
    const terminal = fakeTerminal({ cwd })
    expect(await main(['lint', ...paths], terminal)).toBe(1)
    expect(terminal.out).toMatch(/There is no connection "some-queue"\. \(connections of kind bullmq: jobs\)/)
    expect(terminal.err).toBe('1 runbook, 2 findings\n')
  }
})

const REMEDY = `
remedies:
  resume:
    title: Resume it
    do: [{ action: bullmq.resume, with: { connection: jobs } }]
    approval: { by: [mail-taem], within: 15m }
    verify:
      checks: { after: { check: bullmq.queue, with: { connection: jobs } } }
      until: "!after.paused"
      within: 1m
`
const PEOPLE = `people:
  operator: { token: "\${OPERATOR}", groups: [mail-team] }
channels: { ops: { slack: "\${SLACK}" } }
`
const OIDC = 'oidc: { issuer: shop, audience: runbook, jwks: "https://127.0.0.1/keys" }\n'

test.each([
  ['a connection without write and an unknown group', CONFIG + PEOPLE, ['read-only-connection', 'unknown-group']],
  ['with an identity provider, any group may exist', CONFIG + PEOPLE + OIDC, ['read-only-connection']],
  [
    'a write side whose variable is not set counts as configured',
    (CONFIG + PEOPLE + OIDC).replace('queue: jobs', 'write: "${JOBS_WRITE}", queue: jobs'),
    [],
  ],
])('lint uses the write sides and groups of the configuration: %s', async (_, config, rules) => {
  const folder = folderWith(RUNBOOK.replace('some-queue', 'jobs').replace('remedy: none', 'remedy: resume') + REMEDY)
  writeFileSync(join(folder, 'runbook.config.yaml'), config)
  const terminal = fakeTerminal()
  await main(['lint', join(folder, 'queue.yaml'), '-o', 'json'], terminal)
  expect(JSON.parse(terminal.out).map(({ rule }: { rule: string }) => rule)).toEqual(rules)
})

test('scenarios are linted when their file or its folder is named, and the configuration is not read as a runbook', async () => {
  const folder = folderWith(RUNBOOK)
  const scenarios = join(folder, 'queue.test.yaml')
  writeFileSync(scenarios, 'version: 1\nscenarios: [{ scenario: Paused, given: {}, expect: { outcom: no-action } }]\n')
  writeFileSync(join(folder, 'runbook.config.yaml'), CONFIG.replace('jobs:', 'some-queue:') + PEOPLE)
  for (const path of [folder, scenarios]) {
    const terminal = fakeTerminal()
    expect(await main(['lint', path, '-o', 'json'], terminal)).toBe(1)
    const found = JSON.parse(terminal.out) as { rule: string; file: string; message: string }[]
    expect(found.map(({ rule }) => rule)).toEqual(['unknown-field'])
    expect(found[0]!.file).toMatch(/queue\.test\.yaml$/)
  }
})

test('runbook.config.yaml is checked as a configuration', async () => {
  const file = join(folderWith(RUNBOOK), 'runbook.config.yaml')
  writeFileSync(file, CONFIG)
  const valid = fakeTerminal()
  expect(await main(['lint', file], valid)).toBe(0)
  expect(valid.err).toBe(`${file}: no findings\n`)
  writeFileSync(file, CONFIG.replace('kind: bullmq', 'kind: bulmq'))
  const broken = fakeTerminal()
  expect(await main(['lint', file], broken)).not.toBe(0)
  expect(broken.err).toMatch(/runbook\.config\.yaml:3:\d+: /)
})

test('scenarios without their runbook are bad input', async () => {
  const file = join(folderWith(RUNBOOK), 'others.test.yaml')
  writeFileSync(file, 'version: 1\n')
  const terminal = fakeTerminal()
  expect(await main(['lint', file], terminal)).toBe(2)
  expect(terminal.err).toContain(`there is no runbook for ${file}`)
})

test.each([
  ['/no/such/folder', 'there is no /no/such/folder'],
  [mkdtempSync(join(tmpdir(), 'runbook-lint-')), 'there are no runbooks (*.yaml) in'],
])('%s is bad input', async (path, message) => {
  const terminal = fakeTerminal()
  expect(await main(['lint', path], terminal)).toBe(2)
  expect(terminal.err).toContain(message)
})

test('a runbook that lets others approve than the policy of the configuration is refused, with the rule and the line', async () => {
  const folder = folderWith(
    RUNBOOK.replace('remedy: none', 'remedy: resume').replace(
      'escalate:',
      `remedies:
  resume:
    title: Resume the queue
    do:
      - { action: bullmq.resume, with: { connection: some-queue } }
    approval:
      by: [viewer]
      within: 15m
    verify:
      checks:
        after: { check: bullmq.queue, with: { connection: some-queue } }
      until: '!after.paused'
      holds: 10s
      within: 1m
escalate:`,
    ),
  )
  const config = `database: \${RUNBOOK_DATABASE_URL}
connections:
  some-queue: { kind: bullmq, read: "\${R}", write: "\${W}", queue: jobs, environment: production }
people:
  v: { groups: [viewer] }
  a: { groups: [oncall] }
channels: { ops: { slack: "\${S}" } }
policy:
  - { name: production, match: { environment: [production], kind: [bullmq.*] }, by: [oncall] }
`
  const lint = async (text: string) => {
    writeFileSync(join(folder, 'runbook.config.yaml'), text)
    const terminal = fakeTerminal()
    return { code: await main(['lint', folder], terminal), ...terminal }
  }
  const found = await lint(config)
  expect(found.code).toBe(1)
  expect(found.out).toMatch(
    /queue\.yaml:16:12 error The policy rule "production" of the configuration demands approvals of oncall, so the group "viewer" is not enough\..*\[weaker-than-policy\]/,
  )
  expect(await lint(config.replace('by: [oncall] }', 'by: [viewer] }'))).toMatchObject({ code: 0 })
  expect((await lint(config.replace('by: [oncall] }', 'by: [viewer], count: 2 }'))).out).toContain(
    'that 2 people approve',
  )
  const misspelled = await lint(config.replace('bullmq.*', 'bulk.*'))
  expect(misspelled.err).toContain('policy: rule "production": there is no action kind "bulk.*"')
})
