import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { compileRunbook } from '../../../src/language/compile.ts'
import { channels, connections } from '../../fixtures/runbooks/connections.ts'

const minimal = readFileSync(new URL('../../fixtures/runbooks/valid/minimal.yaml', import.meta.url), 'utf8')

/** Mistakes of new authors, and what the message must contain so that the author can fix the mistake without further reading. */
const MISTAKES: [mistake: string, from: string, to: string, line: RegExp, message: string[]][] = [
  ['a misspelt section of checks', 'diagnose:\n', 'diagnosis:\n', /^diagnosis/, ['Did you mean "diagnose"?']],
  ['checks under another name', 'diagnose:\n', 'checks:\n', /^checks/, ['Did you mean "diagnose"?']],
  ['a misspelt section of remedies', '\nremedies:\n', '\nremedys:\n', /^remedys/, ['Did you mean "remedies"?']],
  ['remedies in the singular', '\nremedies:\n', '\nremedy:\n', /^remedy/, ['Did you mean "remedies"?']],
  ['causes in the singular', '\ncauses:\n', '\ncause:\n', /^cause/, ['Did you mean "causes"?']],
  ['inputs in the singular', '\ninputs:\n', '\ninput:\n', /^input/, ['Did you mean "inputs"?']],
  ['a misspelt escalation', '\nescalate:', '\nescalation:', /^escalation/, ['Did you mean "escalate"?']],
  ['actions under another name', '    do:\n', '    actions:\n', /^ {4}actions/, ['Did you mean "do"?']],
  [
    'a verification under another name',
    '    verify:\n',
    '    verification:\n',
    /^ {4}verif/,
    ['Did you mean "verify"?'],
  ],
  [
    'a misspelt list of targets',
    '    affects: stuck',
    '    affect: stuck',
    /^ {4}affect:/,
    ['Did you mean "affects"?'],
  ],
  ['a misspelt remedy of a cause', '    remedy: fail', '    remdy: fail', /^ {4}remdy/, ['Did you mean "remedy"?']],
  ['a misspelt name of the target', '    for: run\n', '    fro: run\n', /^ {4}fro/, ['Did you mean "for"?']],
  ['misspelt columns', '      columns: {', '      colums: {', /^ {6}colums/, ['Did you mean "columns"?']],
  ['a misspelt table', 'table: runs', 'tabel: runs', /tabel/, ['Did you mean "table"?']],
  [
    'a misspelt required field',
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
    ['"verify" is used as the name of a remedy', 'is it indented too little?'],
  ],
  [
    'a name instead of the field for the name',
    '  - cause: queue-paused\n',
    '  - queue-paused:\n',
    /- queue-paused/,
    ['Write "cause: queue-paused"'],
  ],
  ['= for ==', "r.status == 'COMPLETED'", "r.status = 'COMPLETED'", /until/, ['write "==" to compare']],
  ['a string for a number', 'r.attempt > 0', "r.attempt > '0'", /affects/, ['Write a number without quotes']],
  ['a number in quotes', 'maxTargets: 20', "maxTargets: '20'", /limits/, ['whole number', 'Write it without quotes']],
  ['an unknown check', 'check: bullmq.queue', 'check: bullmq.que', /bullmq\.que$/, ['Did you mean "bullmq.queue"?']],
  ['an unknown connection', 'connection: maestro-db', 'connection: maestro-bd', /bd$/, ['Did you mean "maestro-db"?']],
  [
    'an action in diagnose',
    'check: bullmq.queue',
    'check: bullmq.resume',
    /resume$/,
    ['Use it as an action of a remedy'],
  ],
  ['a write in SQL', 'SELECT id, attempt, job_id', 'DELETE', /DELETE$/, ['A check only reads', '"DELETE"']],
  [
    'a wrong parameter count',
    "params: ['${{ inputs.threshold }}']",
    "params: ['${{ inputs.threshold }}', 5]",
    /params/,
    ['uses 1 value', '"params" has 2'],
  ],
  [
    'an unused remedy',
    '    remedy: resume-queue',
    '    remedy: escalate',
    /^ {2}resume-queue:/,
    ['No cause has the remedy "resume-queue"', 'Name it in a cause, or remove it'],
  ],
  [
    'checks that read each other',
    "params: ['${{ inputs.threshold }}']",
    "params: ['${{ stuck.rows[0].id }}']",
    /^ {2}stuck:/,
    ['none can run first: stuck → stuck'],
  ],
  [
    'a duration without a unit',
    'within: 15m',
    'within: 15',
    /within: 15 /,
    ['with its unit', 'Did you mean 15s or 15m?'],
  ],
  [
    'a parameter next to "with"',
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
    ['It is a field of check: move it out of "with"'],
  ],
  [
    'a check that is indented too deep',
    '  queue:\n    check: bullmq.queue\n    with: { connection: maestro-queue }\n',
    '    queue:\n      check: bullmq.queue\n      with: { connection: maestro-queue }\n',
    /^ {4}queue:/,
    ['"queue" is inside a check', 'is it indented too deep?'],
  ],
  [
    'a remedy that is indented too deep',
    minimal.slice(minimal.indexOf('  fail-runs:\n'), minimal.indexOf('escalate:')),
    minimal.slice(minimal.indexOf('  fail-runs:\n'), minimal.indexOf('escalate:')).replace(/^/gm, '  ').trimEnd() +
      '\n',
    /^ {4}fail-runs:/,
    ['"fail-runs" is inside a remedy', 'is it indented too deep?'],
  ],
  [
    'the name of a check that is indented too deep, and its fields are not',
    '  queue:\n    check: bullmq.queue\n',
    '    queue:\n    check: bullmq.queue\n',
    /^ {4}queue:/,
    ['"queue" has no fields', 'is "queue" indented too deep?'],
  ],
  [
    'the name of a remedy that is indented too deep, and its fields are not',
    '  fail-runs:\n    title',
    '    fail-runs:\n    title',
    /^ {4}fail-runs:/,
    ['"fail-runs" has no fields', 'is "fail-runs" indented too deep?'],
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
    'a channel with "#" in a list',
    'to: [platform-support]',
    'to: [#platform-support]',
    /#platform-support/,
    ['groups and channels without "#"'],
  ],
  [
    'a channel with "#" in a list, and more lines below',
    "escalate: { to: [platform-support], message: '${{ size(stuck.rows) }} runs are stuck' }",
    "escalate:\n  to: [#platform-support]\n  message: '${{ size(stuck.rows) }} runs are stuck'",
    /#platform-support/,
    ['groups and channels without "#"'],
  ],
  [
    'a channel with "#"',
    "escalate: { to: [platform-support], message: '${{ size(stuck.rows) }} runs are stuck' }",
    "escalate:\n  to: #platform-support\n  message: '${{ size(stuck.rows) }} runs are stuck'",
    /#platform-support/,
    ['groups and channels without "#"'],
  ],
  [
    'a channel with "#" in quotes',
    'to: [platform-support]',
    "to: ['#platform-support']",
    /#platform-support/,
    ['groups and channels without "#"', 'Did you mean "platform-support"?'],
  ],
  [
    'a template in single braces',
    '    because: ${{ queue.waiting }} jobs wait\n',
    '    because: {max(queue.waiting, 1)}\n',
    /because: \{max/,
    ['put it in quotes'],
  ],
  ['when: !x', 'when: queue.paused', 'when: !queue.paused', /when: !/, ['in quotes, or write it after "|"']],
  [
    '" #" that cuts an expression',
    'when: queue.paused',
    'when: size(stuck.rows) > #0',
    /when/,
    ['YAML starts a comment at " #"', 'in quotes'],
  ],
  [
    '" #" that leaves a valid expression',
    'when: queue.paused',
    'when: queue.paused # && queue.waiting > 0',
    /when/,
    ['YAML starts a comment at " #"', 'in quotes'],
  ],
  [
    '{ f(a, b) }',
    '  - cause: queue-paused\n    title: The queue is paused\n    when: queue.paused\n    because: ${{ queue.waiting }} jobs wait\n    remedy: resume-queue\n',
    '  - { cause: queue-paused, title: Paused, when: max(1, 2) > queue.waiting, because: x, remedy: resume-queue }\n',
    /max\(1, 2\)/,
    ['Inside { } a comma ends the value', 'Quote the whole value'],
  ],
]

test.each(MISTAKES)('%s', (_, from, to, line, message) => {
  expect(minimal).toContain(from)
  const text = minimal.replace(from, () => to)
  const { problems } = compileRunbook(text, { file: 'a.yaml', connections, channels })
  const fitting = problems.filter((problem) => message.every((part) => problem.message.includes(part)))
  expect(fitting, JSON.stringify(problems, null, 1)).toHaveLength(1)
  expect(text.split('\n')[fitting[0]!.line - 1]).toMatch(line)
  // One mistake must give one problem. If the mistake moved a line, a second problem may say that the line is missing at its former place.
  const others = problems.filter((problem) => problem !== fitting[0])
  expect(others.filter(({ rule }) => !rule.startsWith('missing-'))).toEqual([])
})
