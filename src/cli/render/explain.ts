import { readFileSync } from 'node:fs'
import { ERROR_CODES, type ErrorCode } from '../../core/error-codes.ts'
import { RunbookError } from '../../core/errors.ts'
import { visibleLines } from '../../core/displayable.ts'
import { configuration, fieldText as configText, type ConfigSection } from '../../config/reference.ts'
import type { CelFunction } from '../../language/expressions/cel-function.ts'
import { FUNCTIONS } from '../../language/expressions/functions.ts'
import { LOOPS } from '../../language/expressions/loops.ts'
import type { Kind, Parameter } from '../../language/kinds/kind.ts'
import { ACTIONS, CHECKS } from '../../language/kinds/table.ts'
import { formText, resultRows } from '../../language/reference.ts'
import { RULES, type Rule } from '../../language/rules.ts'
import { SECTIONS, sectionsOfSameFile } from '../../language/structure/fields.ts'
import type { Field, SectionName } from '../../language/structure/form.ts'
import { COMMANDS, type CommandEntry } from '../command-table.ts'
import { exitCodeOf } from '../exit-codes.ts'
import { pad, wrap } from './layout.ts'
import type { Page } from './proposal.ts'

const COLUMN = 20

/** A list of everything that can be explained, with one line for each. */
export function explainTopics(page: Page): string[] {
  const kinds = (all: readonly Kind[]) => all.map(({ name: kind, summary }) => [kind, summary] as const)
  const sections = (root: SectionName) => sectionsOfSameFile(root).map((name) => [name, SECTIONS[name].doc] as const)
  const functions = [...Object.keys(LOOPS), ...FUNCTIONS.map(({ name }) => name)]
  return [
    ...listed('Checks', kinds(CHECKS), page),
    '',
    ...listed('Actions', kinds(ACTIONS), page),
    '',
    ...listed('Sections of a runbook', sections('runbook'), page),
    '',
    ...listed('Sections of scenarios', sections('scenarios'), page),
    '',
    ...listed(
      'Sections of runbook.config.yaml',
      configuration().map(({ name, doc }) => [name, doc] as const),
      page,
    ),
    '',
    ...listed(
      'Commands',
      COMMANDS.map(({ name, summary }) => [name, summary] as const),
      page,
    ),
    '',
    page.colours.bold('Errors'),
    ...wrap(Object.keys(ERROR_CODES).join(', '), page.width - 2).map((text) => `  ${text}`),
    '',
    page.colours.bold('Functions of expressions'),
    ...wrap(functions.join(', '), page.width - 2).map((text) => `  ${text}`),
    '',
    page.colours.bold('Lint rules'),
    ...wrap(Object.keys(RULES).join(', '), page.width - 2).map((text) => `  ${text}`),
  ]
}

export function explainKind(kind: Kind, page: Page): string[] {
  const access = {
    read: 'a check',
    write: 'an action',
    message: 'an action that needs no approval',
    person: 'an action that a person does',
  }
  const parameters = Object.entries(kind.parameters).map(([name, one]) => [name, parameterText(one)] as const)
  return [
    `${page.colours.bold(kind.name)}, ${access[kind.access]}`,
    '',
    ...wrap(kind.summary, page.width),
    ...kind.doc.split(/\n{2,}/).flatMap((paragraph) => ['', ...wrap(paragraph, page.width)]),
    '',
    ...listed('Parameters', parameters, page),
    '',
    ...listed('Result', resultRows(kind), page),
    '',
    page.colours.bold('Example'),
    ...kind.example
      .trimEnd()
      .split('\n')
      .map((text) => `  ${text}`),
  ]
}

export function explainSection(name: SectionName, page: Page): string[] {
  const { doc, fields } = SECTIONS[name]
  const rows = Object.entries(fields).map(([field, one]) => [field, fieldText(one)] as const)
  return [page.colours.bold(name), '', ...wrap(doc, page.width), '', ...listed('Fields', rows, page)]
}

/** A field, in each section that has it. */
export function explainField(field: string, page: Page): string[] {
  return sectionsWith(field).flatMap((name, i) => [
    ...(i === 0 ? [] : ['']),
    page.colours.bold(`${field}, in ${name}`),
    ...wrap(fieldText(SECTIONS[name].fields[field]!), page.width - 2).map((text) => `  ${text}`),
  ])
}

export function sectionsWith(field: string): SectionName[] {
  return (Object.keys(SECTIONS) as SectionName[]).filter((name) => Object.hasOwn(SECTIONS[name].fields, field))
}

/** A section of `runbook.config.yaml` with all its kinds, or only the kind with this name. */
export function explainConfiguration(name: string, page: Page): string[] | undefined {
  const parts = configuration().filter(
    (part) => part.name === name || part.name.startsWith(`${name}: `) || part.name.endsWith(`: ${name}`),
  )
  return separated(parts.map((part) => [...wrap(part.doc, page.width), '', ...configFields(part, page)]))
}

/** A field of `runbook.config.yaml`, in each section that has it. */
export function explainConfigField(name: string, page: Page): string[] | undefined {
  const parts = configuration().map((part) => ({ ...part, fields: part.fields.filter((one) => one.name === name) }))
  return separated(parts.filter(({ fields }) => fields.length > 0).map((part) => configFields(part, page)))
}

function configFields({ name, fields }: ConfigSection, page: Page): string[] {
  const rows = fields.map((one) => [one.name, `${configText(one)}${one.required ? ' (required)' : ''}`] as const)
  return listed(`${name}, in runbook.config.yaml`, rows, page)
}

function separated(blocks: string[][]): string[] | undefined {
  return blocks.length === 0 ? undefined : blocks.flatMap((lines, i) => (i === 0 ? lines : ['', ...lines]))
}

export function explainErrorCode(code: ErrorCode, page: Page): string[] {
  const exit = exitCodeOf(new RunbookError(code, ''))
  return [page.colours.bold(`${code}, an error (exit code ${exit})`), '', ...wrap(ERROR_CODES[code], page.width)]
}

export function explainCommand({ name, summary, usage }: CommandEntry, page: Page): string[] {
  return [
    page.colours.bold(`runbook ${name} ${usage}`.trimEnd()),
    '',
    ...wrap(`${summary}. "runbook ${name} --help" shows its options and examples.`, page.width),
  ]
}

export function explainFunction(entry: Pick<CelFunction, 'signature' | 'summary' | 'example'>, page: Page): string[] {
  return [page.colours.bold(entry.signature), '', ...wrap(entry.summary, page.width), '', `  ${entry.example}`]
}

export function explainRule(rule: Rule, page: Page): string[] {
  const example = ruleExamples()[rule]
  return [
    page.colours.bold(rule),
    '',
    ...wrap(RULES[rule], page.width),
    ...(example ? exampleLines(example, page) : []),
  ]
}

/** A wrong and a right version of the same lines; scripts/generate/rule-examples.ts writes them. */
interface RuleExample {
  wrong: string
  /** The message of the linter about `wrong`. */
  says: string
  right: string
}

function exampleLines({ wrong, says, right }: RuleExample, { width, colours }: Page): string[] {
  const indented = (text: string) =>
    visibleLines(text)
      .split('\n')
      .map((one) => `  ${one}`)
  return [
    '',
    colours.bold('Wrong'),
    ...indented(wrong),
    ...wrap(visibleLines(says), width - 4).map((one, i) => `${i === 0 ? '  → ' : '    '}${one}`),
    '',
    colours.bold('Right'),
    ...indented(right),
  ]
}

function ruleExamples(): Partial<Record<string, RuleExample>> {
  return JSON.parse(readFileSync(new URL('rule-examples.json', import.meta.url), 'utf8')) as Record<string, RuleExample>
}

function listed(heading: string, rows: (readonly [string, string])[], { width, colours }: Page): string[] {
  return [
    colours.bold(heading),
    ...rows.flatMap(([name, text]) => {
      const [first = '', ...rest] = wrap(text, width - COLUMN - 4)
      return [`  ${colours.cyan(pad(name, COLUMN))}  ${first}`, ...rest.map((one) => ' '.repeat(COLUMN + 4) + one)]
    }),
  ]
}

function parameterText({ required, default: value, doc, literal }: Parameter): string {
  const facts = [
    required ? 'required' : value === undefined ? 'optional' : `default: ${JSON.stringify(value)}`,
    ...(literal ? ['without ${{ }}'] : []),
  ]
  return `${doc} (${facts.join(', ')})`
}

function fieldText({ form, required, requiredUnless, doc, default: value }: Field): string {
  const facts = [formText(form)]
  if (required) facts.push('required')
  if (requiredUnless !== undefined) facts.push(`required without ${requiredUnless}`)
  if (value !== undefined) facts.push(`default: ${value}`)
  return `${doc} (${facts.join('; ')})`
}
