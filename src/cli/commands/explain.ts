import { Command } from 'commander'
import { RunbookError } from '../../core/errors.ts'
import { didYouMean } from '../../language/expressions/nearest.ts'
import { ACTIONS, CHECKS, kindNamed } from '../../language/kinds/table.ts'
import { RULES } from '../../language/rules.ts'
import { SECTIONS } from '../../language/structure/fields.ts'
import type { SectionName } from '../../language/structure/form.ts'
import { pageOf, printLines } from '../output.ts'
import { explainKind, explainRule, explainSection, explainTopics } from '../render/explain.ts'
import type { Terminal } from '../terminal.ts'

export function command(terminal: Terminal): Command {
  return new Command('explain')
    .description(
      'Explains a check or action kind, a section of a runbook, or a rule of lint. Without a name, lists them.',
    )
    .argument('[name]', 'such as sql.query, remedy or unused-remedy')
    .addHelpText(
      'after',
      '\nExamples:\n  runbook explain\n  runbook explain sql.update\n  runbook explain unused-remedy',
    )
    .action((name: string | undefined) => {
      const page = pageOf(terminal)
      if (name === undefined) return printLines(terminal, explainTopics(page))
      const kind = kindNamed(name)
      if (kind) return printLines(terminal, explainKind(kind, page))
      if (Object.hasOwn(SECTIONS, name)) return printLines(terminal, explainSection(name as SectionName, page))
      if (Object.hasOwn(RULES, name)) return printLines(terminal, explainRule(name as keyof typeof RULES, page))
      const known = [...CHECKS, ...ACTIONS].map((one) => one.kind).concat(Object.keys(SECTIONS), Object.keys(RULES))
      throw new RunbookError(
        'RUNBOOK_BAD_INPUT',
        `nothing is called ${JSON.stringify(name)}.${didYouMean(name, known)} "runbook explain" lists what there is.`,
      )
    })
}
