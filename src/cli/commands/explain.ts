import { Command } from 'commander'
import { RunbookError } from '../../core/errors.ts'
import { FUNCTIONS, functionNamed } from '../../language/expressions/functions.ts'
import { LOOPS } from '../../language/expressions/loops.ts'
import { didYouMean } from '../../core/nearest.ts'
import { ACTIONS, CHECKS, kindNamed } from '../../language/kinds/table.ts'
import { reference } from '../../language/reference.ts'
import { RULES } from '../../language/rules.ts'
import { SECTIONS } from '../../language/structure/fields.ts'
import type { SectionName } from '../../language/structure/form.ts'
import { pageOf, printLines } from '../output.ts'
import {
  explainField,
  explainFunction,
  explainKind,
  explainRule,
  explainSection,
  explainTopics,
  sectionsWith,
} from '../render/explain.ts'
import type { Page } from '../render/proposal.ts'
import type { Terminal } from '../terminal.ts'

export function command(terminal: Terminal): Command {
  return new Command('explain')
    .description(
      'Explains a check or action kind, a section or field, a function of expressions, or a rule of lint. Without a name, lists them.',
    )
    .argument('[name]', 'such as sql.query, remedy, despite, orElse or unused-remedy')
    .option('--all', 'the whole reference, as Markdown')
    .addHelpText(
      'after',
      '\nExamples:\n  runbook explain\n  runbook explain sql.update\n  runbook explain unused-remedy\n  runbook explain --all > docs/reference.md',
    )
    .action((name: string | undefined, { all }: { all?: true }) => {
      const page = pageOf(terminal)
      if (all) return terminal.print(reference().trimEnd())
      if (name === undefined) return printLines(terminal, explainTopics(page))
      const lines = explained(name, page)
      if (lines) return printLines(terminal, lines)
      throw new RunbookError(
        'RUNBOOK_BAD_INPUT',
        `nothing is called ${JSON.stringify(name)}.${didYouMean(name, everything())} "runbook explain" lists what there is.`,
      )
    })
}

function explained(name: string, page: Page): string[] | undefined {
  const kind = kindNamed(name)
  if (kind) return explainKind(kind, page)
  if (Object.hasOwn(SECTIONS, name)) return explainSection(name as SectionName, page)
  if (Object.hasOwn(RULES, name)) return explainRule(name as keyof typeof RULES, page)
  if (sectionsWith(name).length > 0) return explainField(name, page)
  const entry = Object.hasOwn(LOOPS, name) ? LOOPS[name] : functionNamed(name)
  return entry && explainFunction(entry, page)
}

function everything(): string[] {
  return [
    ...[...CHECKS, ...ACTIONS].map((one) => one.kind),
    ...Object.keys(SECTIONS),
    ...Object.values(SECTIONS).flatMap(({ fields }) => Object.keys(fields)),
    ...Object.keys(RULES),
    ...Object.keys(LOOPS),
    ...FUNCTIONS.map((one) => one.name),
  ]
}
