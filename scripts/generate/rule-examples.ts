import { existsSync, readFileSync } from 'node:fs'
import { compileRunbook } from '../../src/language/compile.ts'
import { RULES } from '../../src/language/rules.ts'
import { known } from '../../test/fixtures/runbooks/connections.ts'

const MAX_LINES = 12
const MAX_COLUMNS = 120

interface RuleExample {
  wrong: string
  /** The message of the linter about `wrong`. */
  says: string
  right: string
}

/**
 * The examples that `runbook explain <rule>` prints: the lines in which the two fixtures of a rule differ, one with the problem and one
 * without. A rule has no example if its fixtures differ in too many or too long lines.
 */
export function ruleExamples(): Record<string, RuleExample> {
  const examples = Object.keys(RULES).flatMap((rule) => {
    const example = exampleOf(rule)
    return example ? [[rule, example] as const] : []
  })
  return Object.fromEntries(examples)
}

function exampleOf(rule: string): RuleExample | undefined {
  const [brokenFile, validFile] = [fixture('broken', rule), fixture('valid', rule)]
  if (!existsSync(brokenFile) || !existsSync(validFile)) return undefined
  const broken = readFileSync(brokenFile, 'utf8')
  const wrong = linesOf(broken)
  const right = linesOf(readFileSync(validFile, 'utf8'))
  const shorter = Math.min(wrong.length, right.length)
  const before = countWhile(shorter, (i) => wrong[i] === right[i])
  const after = countWhile(shorter - before, (i) => wrong.at(-1 - i) === right.at(-1 - i))
  // If one fixture only lacks lines, the line before shows the place.
  const isOnlyShorter = [wrong, right].some(({ length }) => length === before + after)
  const from = isOnlyShorter ? Math.max(0, before - 1) : before
  const shown = [wrong, right].map((lines) => lines.slice(from, lines.length - after))
  if (shown.some((lines) => lines.length > MAX_LINES || lines.some((line) => line.length > MAX_COLUMNS)))
    return undefined
  const indent = Math.min(...shown.flat().map((line) => /^ */.exec(line)![0].length))
  const [wrongText, rightText] = shown.map((lines) => lines.map((line) => line.slice(indent)).join('\n'))
  const [problem] = compileRunbook(broken, { file: 'runbook.yaml', ...known }).problems
  return { wrong: wrongText!, says: problem!.message, right: rightText! }
}

const fixture = (kind: 'broken' | 'valid', rule: string) =>
  new URL(`../../test/fixtures/runbooks/${kind}/${rule}.yaml`, import.meta.url)

/** The lines of a fixture without its comments, which describe the fixture and are no part of the example. */
const linesOf = (text: string) => text.split('\n').filter((line) => !line.startsWith('#'))

function countWhile(most: number, condition: (i: number) => boolean): number {
  let count = 0
  while (count < most && condition(count)) count += 1
  return count
}
