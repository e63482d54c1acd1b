import { fieldsOf, formatType } from './expressions/types.ts'
import { FUNCTIONS } from './expressions/functions.ts'
import { LOOPS } from './expressions/loops.ts'
import type { Kind, Parameter } from './kinds/kind.ts'
import { ACTIONS, CHECKS } from './kinds/table.ts'
import { RULES } from './rules.ts'
import { SECTIONS, sectionsBeside } from './structure/fields.ts'
import type { Field, Form, SectionName } from './structure/form.ts'

/** The reference of the language as Markdown, from the definitions that the compiler itself uses. */
export function reference(): string {
  return [
    '# Reference',
    '',
    'Generated from the definitions that the compiler uses (`runbook explain --all`). Do not edit it.',
    '',
    '[Fields of a runbook](#fields-of-a-runbook) · [Checks](#checks) · [Actions](#actions) · [Expressions](#expressions) · [Fields of scenarios](#fields-of-scenarios) · [Rules](#rules)',
    '',
    '## Fields of a runbook',
    '',
    ...sectionsBeside('runbook').flatMap(section),
    '## Checks',
    '',
    'They only read. Each result is an object that expressions know by the name of the check; lists are its `.rows`.',
    '',
    ...CHECKS.flatMap(kind),
    '## Actions',
    '',
    'They change something, or tell somebody. Nothing is applied that nobody approved.',
    '',
    ...ACTIONS.flatMap(kind),
    '## Expressions',
    '',
    'Expressions are CEL. `f(x, y)` may also be written `x.f(y)`. Operators: `+ - * / %`, `== != < <= > >=`, `&& || !`, `in`, `? :`, `x.field`, `x[0]`. What does not stand here does not exist.',
    '',
    table(
      ['function', 'what it gives', 'example'],
      [...Object.values(LOOPS), ...FUNCTIONS].map((one) => [code(one.signature), one.summary, code(one.example)]),
    ),
    '',
    '## Fields of scenarios',
    '',
    ...sectionsBeside('scenarios').flatMap(section),
    '## Rules',
    '',
    'By which a runbook or its scenarios can be refused.',
    '',
    table(
      ['rule', 'what is behind it'],
      Object.entries(RULES).map(([rule, text]) => [code(rule), text]),
    ),
    '',
  ].join('\n')
}

function section(name: SectionName): string[] {
  const { doc, fields } = SECTIONS[name]
  const rows = Object.entries(fields).map(([field, one]) => [
    `${code(field)}${one.required ? ' (needed)' : ''}`,
    formText(one.form),
    fieldText(one),
  ])
  return [`### ${name}`, '', doc, '', table(['field', 'form', 'what it is'], rows), '']
}

function fieldText({ doc, otherwise }: Field): string {
  return otherwise === undefined ? doc : `${doc} When left out: ${otherwise}.`
}

/** What a field holds, in a few words. */
export function formText(form: Form): string {
  if (typeof form === 'string') return WORDS[form]
  if ('int' in form) return 'a whole number'
  if ('bound' in form) return 'a number, or a duration'
  if ('oneOf' in form) return form.oneOf.join(', ')
  if ('names' in form) return 'a name, or a list of names'
  if ('list' in form) return 'a list'
  if ('named' in form) return `names, each with the fields of ${form.named}`
  if ('listOf' in form)
    return form.orWords ? `a list of ${form.orWords.join(', ')}, or ${form.listOf}` : `a list of ${form.listOf}`
  if ('words' in form) return `${form.words.join(', ')}, or the fields of ${form.section}`
  if ('nameOr' in form) return `a name, or ${form.nameOr.join(', ')}`
  return `the fields of ${form.section}`
}

const WORDS: Record<Extract<Form, string>, string> = {
  text: 'a text',
  bool: 'true or false',
  duration: 'a duration, such as 30s, 15m, 24h',
  name: 'a name of lower-case letters, digits and hyphens',
  identifier: 'a name of letters, digits and _',
  condition: 'an expression that is true or false',
  'list expression': 'an expression that gives a list',
  template: 'a text in which ${{ }} may stand',
  data: 'a value',
  values: 'names and values',
  results: 'checks and what they find',
  verdicts: 'causes and whether they hold',
  fates: 'targets and what becomes of them',
}

function kind(described: Kind): string[] {
  const { name, summary, doc, parameters, example } = described
  const rows = Object.entries(parameters).map(([parameter, one]) => [
    `${code(parameter)}${one.required && one.default === undefined ? ' (needed)' : ''}`,
    parameterText(one),
  ])
  return [
    `### ${name}`,
    '',
    summary,
    '',
    doc,
    '',
    ...(rows.length > 0 ? [table(['parameter', 'what it is'], rows), ''] : []),
    `Result: ${code(
      `{ ${resultRows(described)
        .map((row) => row.join(': '))
        .join(', ')} }`,
    )}`,
    '',
    '```yaml',
    example.trimEnd(),
    '```',
    '',
  ]
}

/** The fields of a kind's result with their types. The columns of a statement's rows are those that it declares. */
export function resultRows({ result }: Kind): (readonly [path: string, type: string])[] {
  return fieldsOf(result({})).map(({ path, type }) => {
    const text = formatType(type)
    return [path, text === 'list of {}' ? 'list, each with the declared columns' : text]
  })
}

function parameterText({ doc, default: otherwise, literal }: Parameter): string {
  const facts = [
    ...(otherwise === undefined ? [] : [`When left out: ${code(JSON.stringify(otherwise))}.`]),
    ...(literal ? ['Taken as it stands, without `${{ }}`.'] : []),
  ]
  return [doc, ...facts].join(' ')
}

function code(text: string): string {
  return `\`${text}\``
}

function table(headings: string[], rows: string[][]): string {
  const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ')
  return [headings, headings.map(() => '---'), ...rows].map((row) => `| ${row.map(cell).join(' | ')} |`).join('\n')
}
