import { expect, test } from 'vitest'
import { Source } from '../../../src/language/parse/source.ts'
import { Reporter, renderGithub, renderJson, renderText } from '../../../src/language/problems.ts'

function problems() {
  const reporter = new Reporter(new Source('runbooks/a,b.yaml', 'title: x\nwhen: queue.pausd\n'))
  reporter.error('unknown-property', { start: 15, end: 26 }, 'There is no "pausd": 100% sure.')
  reporter.warning('unreachable-cause', { start: 0, end: 5 }, 'Never reached.')
  return reporter.problems
}

test('the text output has the order of the file, and shows the line with a caret', () => {
  expect(renderText(problems())).toBe(
    [
      'runbooks/a,b.yaml:1:1 warning Never reached. [unreachable-cause]',
      '    1 | title: x',
      '      | ^^^^^',
      '',
      'runbooks/a,b.yaml:2:7 error There is no "pausd": 100% sure. [unknown-property]',
      '    2 | when: queue.pausd',
      '      |       ^^^^^^^^^^^',
      '',
    ].join('\n'),
  )
})

test('the GitHub output escapes the special characters of workflow commands', () => {
  expect(renderGithub(problems())).toBe(
    '::warning file=runbooks/a%2Cb.yaml,line=1,col=1,endLine=1,endColumn=6,title=unreachable-cause::Never reached.\n' +
      '::error file=runbooks/a%2Cb.yaml,line=2,col=7,endLine=2,endColumn=18,title=unknown-property::There is no "pausd": 100%25 sure.\n',
  )
})

test('the JSON output has all properties of a problem', () => {
  expect(JSON.parse(renderJson(problems()))[1]).toMatchObject({ line: 2, column: 7, rule: 'unknown-property' })
})

test('a code frame cuts a long line around the place, and has no terminal control characters', () => {
  const text = `a: ${'x'.repeat(300)}\u001b[31m!`
  const source = new Source('a.yaml', text)
  const frame = source.frame({ start: 303, end: 304 })
  expect(frame).not.toContain('\u001b')
  expect(frame.split('\n').every((line) => line.length < 130)).toBe(true)
})
