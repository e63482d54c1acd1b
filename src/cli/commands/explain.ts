import { Command } from 'commander'
import { configuration, configurationReference } from '../../config/reference.ts'
import { ERROR_CODES } from '../../core/error-codes.ts'
import { RunbookError } from '../../core/errors.ts'
import { FUNCTIONS, functionNamed } from '../../language/expressions/functions.ts'
import { LOOPS } from '../../language/expressions/loops.ts'
import { didYouMean } from '../../core/nearest.ts'
import { kindNamed } from '../../language/kinds/table.ts'
import { ACTIONS, CHECKS } from '../../language/kinds/table.ts'
import { reference } from '../../language/reference.ts'
import { RULES } from '../../language/rules.ts'
import { SECTIONS } from '../../language/structure/fields.ts'
import type { SectionName } from '../../language/structure/form.ts'
import { COMMANDS } from '../command-table.ts'
import { isErrorCode } from '../exit-codes.ts'
import { pageOf, printLines } from '../output.ts'
import {
  explainCommand,
  explainConfigField,
  explainConfiguration,
  explainErrorCode,
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
      'Explain a check or action kind, a section or field of a runbook, a function of expressions, a lint rule, a part of runbook.config.yaml, a command, or the code of an error. Without a name, list them all.',
    )
    .argument(
      '[name]',
      'such as sql.query, remedy, despite, orElse, unused-remedy, connections, postgres, approve or RUNBOOK_CONFIG',
    )
    .option('--all', 'print the whole language reference as Markdown')
    .option('--configuration', 'print the whole reference of runbook.config.yaml as Markdown')
    .addHelpText(
      'after',
      '\nExamples:\n  runbook explain\n  runbook explain sql.update\n  runbook explain unused-remedy\n  runbook explain connections\n  runbook explain --all > docs/reference.md',
    )
    .action((name: string | undefined, options: { all?: true; configuration?: true }) => {
      const page = pageOf(terminal)
      if (options.all) return terminal.print(reference().trimEnd())
      if (options.configuration) return terminal.print(configurationReference().trimEnd())
      if (name === undefined) return printLines(terminal, explainTopics(page))
      const lines = explain(name, page)
      if (lines) return printLines(terminal, lines)
      throw new RunbookError(
        'RUNBOOK_BAD_INPUT',
        `there is nothing named ${JSON.stringify(name)}.${didYouMean(name, allNames())} "runbook explain" lists all names.`,
      )
    })
}

/** Everything that has this name. A command may have the same name as something else; then both are explained. */
function explain(name: string, page: Page): string[] | undefined {
  const entry = COMMANDS.find((one) => one.name === name)
  const blocks = [explainPart(name, page), entry && explainCommand(entry, page)].filter((one) => one !== undefined)
  return blocks.length === 0 ? undefined : blocks.flatMap((lines, i) => (i === 0 ? lines : ['', ...lines]))
}

function explainPart(name: string, page: Page): string[] | undefined {
  const kind = kindNamed(name)
  if (kind) return explainKind(kind, page)
  if (Object.hasOwn(SECTIONS, name)) return explainSection(name as SectionName, page)
  if (Object.hasOwn(RULES, name)) return explainRule(name as keyof typeof RULES, page)
  if (sectionsWith(name).length > 0) return explainField(name, page)
  if (isErrorCode(name)) return explainErrorCode(name, page)
  const entry = Object.hasOwn(LOOPS, name) ? LOOPS[name] : functionNamed(name)
  if (entry) return explainFunction(entry, page)
  return explainConfiguration(name, page) ?? explainConfigField(name, page)
}

function allNames(): string[] {
  return [
    ...[...CHECKS, ...ACTIONS].map((one) => one.name),
    ...Object.keys(SECTIONS),
    ...Object.values(SECTIONS).flatMap(({ fields }) => Object.keys(fields)),
    ...Object.keys(RULES),
    ...Object.keys(LOOPS),
    ...COMMANDS.map((one) => one.name),
    ...Object.keys(ERROR_CODES),
    ...FUNCTIONS.map((one) => one.name),
    ...configuration().flatMap((one) => [one.name, ...one.fields.map((field) => field.name)]),
  ]
}
