import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { compileRunbook } from '../../../src/language/compile.ts'
import { channels, connections } from '../../fixtures/runbooks/connections.ts'

const minimal = readFileSync(new URL('../../fixtures/runbooks/valid/minimal.yaml', import.meta.url), 'utf8')

/** What somebody new to it gets wrong, and what the message must say so that nothing else need be read to mend it. */
const SLIPS: [slip: string, from: string, to: string, line: RegExp, message: string[]][] = [
  [
    'a misspelt field that is needed',
    '    because: ${{ size',
    '    becuase: ${{ size',
    /becuase/,
    ['Did you mean "because"?'],
  ],
  ['a misspelt field', 'symptom:', 'symtom:', /^symtom/, ['no field "symtom"', 'Did you mean "symptom"?']],
  [
    'a line that is indented too far',
    '    because: ${{ size(affects) }} runs',
    '      because: ${{ size(affects) }} runs',
    /^ {6}because/,
    ['indented deeper than its neighbours'],
  ],
  [
    'a line that is not indented enough',
    '    remedy: fail-runs\n',
    'remedy: fail-runs\n',
    /^remedy: fail/,
    ['It is a field of cause: is the indentation right?'],
  ],
  [
    'a field among the names, indented too little',
    '    verify:\n      checks:\n        after: { check: bullmq.queue, with: { connection: maestro-queue } }\n',
    '  verify:\n      checks:\n        after: { check: bullmq.queue, with: { connection: maestro-queue } }\n',
    /^ {2}verify/,
    ['"verify" stands here as the name of a remedy', 'is it indented too little?'],
  ],
  [
    'a name in place of the field that gives it',
    '  - cause: queue-paused\n',
    '  - queue-paused:\n',
    /- queue-paused/,
    ['Write "cause: queue-paused"'],
  ],
  ['= for ==', "r.status == 'COMPLETED'", "r.status = 'COMPLETED'", /until/, ['write "==" to compare']],
  ['a string for a number', 'r.attempt > 0', "r.attempt > '0'", /affects/, ['A number is written without quotes']],
  ['a number in quotes', 'maxTargets: 20', "maxTargets: '20'", /limits/, ['whole number', 'Write it without quotes']],
  ['an unknown check', 'check: bullmq.queue', 'check: bullmq.que', /bullmq\.que$/, ['Did you mean "bullmq.queue"?']],
  ['an unknown connection', 'connection: maestro-db', 'connection: maestro-bd', /bd$/, ['Did you mean "maestro-db"?']],
  ['an action in diagnose', 'check: bullmq.queue', 'check: bullmq.resume', /resume$/, ['it is an action of a remedy']],
  ['a write in SQL', 'SELECT id, attempt, job_id', 'DELETE', /DELETE$/, ['A check only reads: "DELETE"']],
  [
    'a wrong parameter count',
    "params: ['${{ inputs.threshold }}']",
    "params: ['${{ inputs.threshold }}', 5]",
    /params/,
    ['takes 1 value', '"params" gives 2'],
  ],
  [
    'an unused remedy',
    '    remedy: resume-queue',
    '    remedy: escalate',
    /^ {2}resume-queue:/,
    ['No cause has the remedy "resume-queue"', 'Name it in a cause, or leave it out'],
  ],
  [
    'checks in a circle',
    "params: ['${{ inputs.threshold }}']",
    "params: ['${{ stuck.rows[0].id }}']",
    /^ {2}stuck:/,
    ['none can run first: stuck → stuck'],
  ],
  [
    'a duration without unit',
    'within: 15m',
    'within: 15',
    /within: 15 /,
    ['with its unit', 'Did you mean 15s or 15m?'],
  ],
  [
    'a parameter beside "with"',
    '      columns: { id: string, attempt: int, job_id: string? }\n',
    '    columns: { id: string, attempt: int, job_id: string? }\n',
    /^ {4}columns/,
    ['It is a parameter of sql.query: indent it under "with".'],
  ],
  [
    'a field within "with"',
    '      columns: { id: string, attempt: int, job_id: string? }\n',
    '      columns: { id: string, attempt: int, job_id: string? }\n      timeout: 3s\n',
    /^ {6}timeout/,
    ['It is a field of check: write it beside "with", not beneath.'],
  ],
  [
    'a check that is indented too deep',
    '  queue:\n    check: bullmq.queue\n    with: { connection: maestro-queue }\n',
    '    queue:\n      check: bullmq.queue\n      with: { connection: maestro-queue }\n',
    /^ {4}queue:/,
    ['"queue" stands within a check', 'is it indented too deep?'],
  ],
  [
    'a remedy that is indented too deep',
    minimal.slice(minimal.indexOf('  fail-runs:\n'), minimal.indexOf('escalate:')),
    minimal.slice(minimal.indexOf('  fail-runs:\n'), minimal.indexOf('escalate:')).replace(/^/gm, '  ').trimEnd() +
      '\n',
    /^ {4}fail-runs:/,
    ['"fail-runs" stands within a remedy', 'is it indented too deep?'],
  ],
  [
    'the name of a check that is indented too deep, and its fields are not',
    '  queue:\n    check: bullmq.queue\n',
    '    queue:\n    check: bullmq.queue\n',
    /^ {4}queue:/,
    ['Nothing stands beneath "queue"', 'is "queue" indented too deep?'],
  ],
  [
    'the name of a remedy that is indented too deep, and its fields are not',
    '  fail-runs:\n    title',
    '    fail-runs:\n    title',
    /^ {4}fail-runs:/,
    ['Nothing stands beneath "fail-runs"', 'is "fail-runs" indented too deep?'],
  ],
  [
    'a remedy that is indented too little',
    minimal.slice(minimal.indexOf('  fail-runs:\n'), minimal.indexOf('escalate:')),
    minimal.slice(minimal.indexOf('  fail-runs:\n'), minimal.indexOf('escalate:')).replace(/^ {2}/gm, ''),
    /^fail-runs:/,
    ['It has the fields of a remedy: indent it under "remedies".'],
  ],
  [
    'a field that follows its section, indented too little',
    "      until: '!after.paused'\n      within: 1m\n",
    "      until: '!after.paused'\n    within: 1m\n",
    /^ {4}within/,
    ['It is a field of verify: is the indentation right?'],
  ],
  [
    'until among the checks',
    "      until: '!after.paused'\n",
    "        until: '!after.paused'\n",
    /^ {8}until/,
    ['it is a field of verify: is it indented too deep?'],
  ],
  [
    'until within a check',
    '        after: { check: bullmq.queue, with: { connection: maestro-queue } }\n      until:',
    '        after:\n          check: bullmq.queue\n          with: { connection: maestro-queue }\n          until:',
    /^ {10}until/,
    ['It is a field of verify: is it indented too deep?'],
  ],
  [
    'a channel with its sign in a list',
    'to: [platform-support]',
    'to: [#platform-support]',
    /#platform-support/,
    ['Groups and channels are named without "#"'],
  ],
  [
    'a channel with its sign in a list, and more beneath',
    "escalate: { to: [platform-support], message: '${{ size(stuck.rows) }} runs are stuck' }",
    "escalate:\n  to: [#platform-support]\n  message: '${{ size(stuck.rows) }} runs are stuck'",
    /#platform-support/,
    ['Groups and channels are named without "#"'],
  ],
  [
    'a channel with its sign',
    "escalate: { to: [platform-support], message: '${{ size(stuck.rows) }} runs are stuck' }",
    "escalate:\n  to: #platform-support\n  message: '${{ size(stuck.rows) }} runs are stuck'",
    /#platform-support/,
    ['Groups and channels are named without "#"'],
  ],
  [
    'a channel with its sign in quotes',
    'to: [platform-support]',
    "to: ['#platform-support']",
    /#platform-support/,
    ['Groups and channels are named without "#"', 'Did you mean "platform-support"?'],
  ],
  [
    'a template in single braces',
    '    because: ${{ queue.waiting }} jobs wait\n',
    '    because: {max(queue.waiting, 1)}\n',
    /because: \{max/,
    ['quote it'],
  ],
  ['when: !x', 'when: queue.paused', 'when: !queue.paused', /when: !/, ['must be quoted, or written after "|"']],
  [
    '" #" that cuts an expression off',
    'when: queue.paused',
    'when: size(stuck.rows) > #0',
    /when/,
    ['YAML cuts the text at " #"', 'in quotes'],
  ],
  [
    '" #" that leaves an expression',
    'when: queue.paused',
    'when: queue.paused # && queue.waiting > 0',
    /when/,
    ['YAML cuts the text at " #"', 'in quotes'],
  ],
  [
    '{ f(a, b) }',
    '  - cause: queue-paused\n    title: The queue is paused\n    when: queue.paused\n    because: ${{ queue.waiting }} jobs wait\n    remedy: resume-queue\n',
    '  - { cause: queue-paused, title: Paused, when: max(1, 2) > queue.waiting, because: x, remedy: resume-queue }\n',
    /max\(1, 2\)/,
    ['Inside { } a comma ends the value', 'Quote the whole value'],
  ],
]

test.each(SLIPS)('%s', (_, from, to, line, message) => {
  expect(minimal).toContain(from)
  const text = minimal.replace(from, () => to)
  const { problems } = compileRunbook(text, { file: 'a.yaml', connections, channels })
  const fitting = problems.filter((problem) => message.every((part) => problem.message.includes(part)))
  expect(fitting, JSON.stringify(problems, null, 1)).toHaveLength(1)
  expect(text.split('\n')[fitting[0]!.line - 1]).toMatch(line)
  // One slip is one problem; where a line went elsewhere, its former place may say that it is missing.
  const others = problems.filter((problem) => problem !== fitting[0])
  expect(others.filter(({ rule }) => !rule.startsWith('missing-'))).toEqual([])
})
