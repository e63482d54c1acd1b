import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { openAttackWorld, type AttackWorld } from './attack-world.ts'
import { approve, review, trigger, untilClosed, untilGate } from './operator.ts'

/** Texts that an attacker wrote into a diagnosed database, so that they reach people, channels and SQL statements. */
const REASONS: Record<string, string> = {
  mentions: '<!channel> <@U012AB3CD> <https://evil.example|your runbook> &lt;!here&gt; @everyone',
  html: '"><script>alert(1)</script><img src=x onerror=alert(1)>',
  control: '\u001b[2J\u001b]0;owned\u0007\r\u202e\u0085 end',
  sql: "'; UPDATE runs SET failure_reason = 'owned'; DROP TABLE runs; --",
  template: '${{ inputs.run }} {{ run.id }} $1 %s \\u0000',
  markdown: '# heading\n| a | b |\n```\n[link](javascript:alert(1))',
}

let world: AttackWorld
beforeAll(async () => {
  world = await openAttackWorld(inject('stack'))
}, 240_000)
afterAll(() => world?.close())

test.each(Object.keys(REASONS))(
  'a row with hostile text (%s) is shown and sent as text, and its remedy changes this row once and no other',
  async (name) => {
    await world.addRun(name, { reason: REASONS[name]! })
    const id = await world.atGate(name)
    const round = await untilGate(world, id)
    const shown = await world.runbook(['show', id, '--full'])
    expect(shown).toMatchObject({ code: 0 })
    // oxlint-disable-next-line no-control-regex -- the test is about control characters
    expect(shown.out).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/)
    await approve(world, id, round)
    expect(await untilClosed(world, id)).toMatchObject({ outcome: 'resolved' })
    expect(await world.changes(name)).toEqual({ count: 1, reason: 'seen' })
    const sent = world.slack.messages.filter((message) => message.startsWith(`${name} failed`) || message.includes(id))
    expect(sent.length).toBeGreaterThan(0)
    expect(sent.join()).not.toMatch(/[<>]/)
    const markdown = await world.runbook(['review', id])
    expect(markdown.code).toBe(0)
    expect(markdown.out).not.toMatch(/^\s*<script>alert|^# heading|^\[link\]/m)
    const others = await world.maestro.query(`SELECT FROM runs WHERE failure_reason = 'owned'`)
    expect(others.rowCount).toBe(0)
    await world.expectUnharmed()
  },
)

test('numbers beyond 2^53 in a row are kept exactly', async () => {
  await world.addRun('numbers', { input: '{"job": 9007199254740993, "ratio": 1e400}' })
  const id = await world.atGate('numbers')
  const { evidence } = await review(world, id)
  const body = JSON.stringify(evidence.find(({ name }) => name === 'run')!.body)
  expect(body).toContain('9007199254740993')
  expect(body).not.toMatch(/9007199254740992|null|Infinity/)
  await approve(world, id, await untilGate(world, id))
  expect(await untilClosed(world, id)).toMatchObject({ outcome: 'resolved' })
})

test('a row of 60 MB is never taken for no row, and others go on meanwhile', async () => {
  await world.addRun('huge', { reason: 'x'.repeat(60_000_000) })
  const id = await trigger(world, 'marking', { run: 'huge' })
  await world.resolveAnother()
  expect(await untilClosed(world, id)).toMatchObject({ outcome: 'escalated', rounds: [{ effects: [] }] })
  expect((await world.changes('huge')).count).toBe(0)
  await world.expectUnharmed()
})
