import { describe, expect, test } from 'vitest'
import { markdownOf } from '../../../support/review.ts'
import type { Review, RoundView } from '../../../../src/engine/views/view-types.ts'
import { resolved } from '../../cli/incident-views.ts'

const HOSTILE =
  '\r\n\r\n# Owned\n| a | b |\n<script>alert(1)</script> **bold** [x](http://evil) `code` ``` ~~~ \u202Egnp.exe \u0007\u001b[31m &lt;'

/** The hostile text must not begin a line, and must not be markup outside of code. */
function expectHarmless(markdown: string) {
  const outside = markdown.split('\n').reduce<{ fence: string; lines: string[] }>(
    ({ fence, lines }, line) => {
      if (fence) return { fence: line === fence ? '' : fence, lines }
      const opens = /^(`{3,})json$/.exec(line)?.[1]
      return opens ? { fence: opens, lines } : { fence: '', lines: [...lines, line] }
    },
    { fence: '', lines: [] },
  ).lines
  // Inside an HTML block, HTML is interpreted and Markdown is not.
  expect(markdown).not.toMatch(/^<details>.*<(script|\/summary>.*<\/summary>)/m)
  const prose = outside
    .filter((line) => !line.startsWith('<details>'))
    .join('\n')
    .replace(/(?<!\\)(`+)(?!`)[\s\S]*?[^`]\1(?!`)/g, '')
  expect(prose).not.toMatch(/^# Owned/m)
  expect(prose).not.toMatch(/(?<!\\)<script/)
  expect(prose).not.toMatch(/(?<!\\)\*\*bold/)
  expect(prose).not.toMatch(/(?<!\\)\[x/)
  expect(prose).not.toMatch(/(?<!\\)\| b/)
  expect(markdown).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202a-\u202e\u2066-\u2069]/)
}

function review(text: string): Review {
  const view = resolved()
  const round = structuredClone(view.rounds.find((one) => one.gate)!) as RoundView
  const gate = round.gate!
  gate.why = text
  gate.decisions = [
    {
      person: text,
      decision: 'approve',
      targets: [text, 'b'],
      comment: text,
      nextCause: false,
      breakGlass: null,
      at: view.openedAt,
      withdrawn: false,
    },
  ]
  gate.proposal.title = text
  gate.proposal.remedy = text
  gate.proposal.actions = [
    {
      id: text,
      kind: 'x',
      access: 'write',
      target: text,
      with: {},
      preview: { summary: text, undo: text, warning: text },
    },
  ]
  round.causes = [
    { cause: text, title: text, holds: true, because: text },
    { cause: text, title: text, holds: false, because: text },
  ]
  round.effects = [{ action: text, target: text, result: 'applied', detail: text, at: view.openedAt }]
  const incident = {
    ...view,
    type: text,
    runbook: text,
    key: text,
    inputs: { [text]: text },
    reason: text,
    requester: `person:${text}`,
    acknowledgedBy: text,
    rounds: [round],
  }
  const evidence = {
    place: text,
    name: text,
    kind: text,
    status: 'ok' as const,
    ref: 'a'.repeat(64),
    parameters: {},
    truncated: false,
    at: '',
    durationMs: 1,
  }
  return {
    incident,
    timeline: [{ seq: 1, at: view.openedAt, actor: text, kind: 'note', place: null, text, data: {} }],
    evidence: [{ ...evidence, body: { result: { rows: [{ [text]: text }] } } }],
    notes: [{ person: text, at: view.openedAt, body: text, about: null }],
    timeToAcknowledgeMs: 1_000,
    timeToResolveMs: null,
    chainFaults: [text],
    deviations: [{ what: 'late', at: view.openedAt, event: 3, text }],
    followUps: [
      {
        ...{
          incident: view.id,
          number: 1,
          text,
          owner: text,
          due: '2026-03-31',
          addedBy: text,
          addedAt: view.openedAt,
        },
        ...{ closedBy: text, closedAt: view.openedAt, result: text },
      },
    ],
    feedback: [{ person: text, helped: 'no', comment: text, at: view.openedAt }],
    recurrences: [
      {
        ...{ incident: 'INC-7', openedAt: view.openedAt, outcome: 'resolved' },
        ...{ causes: [text], targets: [text], sameKey: true },
      },
    ],
  }
}

describe('the review as Markdown', () => {
  test('escapes markup, bidi and control characters in results and notes', async () => {
    const markdown = await markdownOf(review(HOSTILE))
    expectHarmless(markdown)
    // The character is shown, not removed.
    expect(markdown).toContain('\\u{202e}gnp.exe')
  })

  test('shows a statement exactly, backticks included', async () => {
    const text = 'UPDATE `runs` SET x = ``1``'
    expect(await markdownOf(review(text))).toContain(`\`\`\`${text} \`\`\``.replace('```UPDATE', '``` UPDATE'))
    expect(await markdownOf(review('UPDATE runs'))).toContain('`UPDATE runs`')
  })

  test('shows whether the event chain is intact', async () => {
    const broken = { ...review('x'), chainFaults: ['event 4: was changed after it was written'] }
    expect(await markdownOf(broken)).toContain('**chain broken**: event 4: was changed after it was written')
    expect(await markdownOf({ ...broken, chainFaults: [] })).toContain('the chain of events is intact')
  })

  test('says what did not go as described, what remains to be done, what people say and what recurs', async () => {
    const markdown = await markdownOf(review('x'))
    const { openedAt } = resolved()
    for (const line of [
      `- ${openedAt} late (event 3): x`,
      '- Number 1, for x, due 2026-03-31, closed: x. x: x',
      '- x: no: x',
      `- INC-7, ${openedAt}, resolved: same key, same cause (x), same target (x)`,
    ])
      expect(markdown).toContain(`\n${line}\n`)
  })

  test('truncates long evidence and shows how much is missing and where to read it', async () => {
    const markdown = await markdownOf(review('y'.repeat(20_000)))
    expect(markdown).toMatch(/… \d+ more characters: GET/)
  })
})
