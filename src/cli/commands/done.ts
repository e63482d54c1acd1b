import { Command } from 'commander'
import { isJsonObject } from '../../core/json.ts'
import { visibleLine } from '../../core/displayable.ts'
import { ALL_TARGETS } from '../../core/proposal.ts'
import { openClient, type Client } from '../client.ts'
import { parseEffect, type EffectName } from '../effect-name.ts'
import { parseIncidentId } from '../incident-id.ts'
import { collectInput } from '../inputs.ts'
import { INCIDENT_ARGUMENT, printJson, wantsJson } from '../output.ts'
import type { Terminal } from '../terminal.ts'

interface Options {
  step?: EffectName
  not?: true
  form?: Record<string, string>
  comment?: string
}

export function command(terminal: Terminal): Command {
  return new Command('done')
    .description(
      'Report that a manual step is done, so that the incident continues. With --not, report that it will not be done.',
    )
    .argument(...INCIDENT_ARGUMENT, parseIncidentId)
    .option(
      '-s, --step <action/target>',
      'the manual step, such as 1-manual/- (default: the one that waits)',
      parseEffect,
    )
    .option('-f, --form <name=value>', 'an answer for the form of the step; may be repeated', collectInput)
    .option('--not', 'the step was not done and will not be done')
    .option('-c, --comment <text>', 'stored with the effect')
    .addHelpText(
      'after',
      '\nExamples:\n  runbook done 142\n  runbook done 142 --form version=1.14.2\n  runbook done 142 --not --comment "the release is still needed"',
    )
    .action(async (id: string, { step, not, form = {}, comment }: Options, self: Command) => {
      const client = openClient(terminal)
      const answers = not || !terminal.interactive ? form : await askForAnswers(terminal, client, id, step, form)
      const effect = await client.done(id, {
        done: !not,
        ...step,
        form: Object.keys(answers).length > 0 ? answers : undefined,
        comment,
      })
      if (wantsJson(self)) printJson(terminal, effect)
      const where = effect.target === ALL_TARGETS ? effect.action : `${effect.action} on ${effect.target}`
      terminal.log(visibleLine(`${where}: ${effect.detail}`))
    })
}

/** Asks for the answers of the step's form that were not given as options. */
async function askForAnswers(
  terminal: Terminal,
  client: Client,
  id: string,
  step: EffectName | undefined,
  form: Record<string, string>,
): Promise<Record<string, string>> {
  const { rounds } = await client.show(id)
  const actions = rounds.at(-1)?.gate?.proposal.actions ?? []
  const manual = actions.find(({ kind, id: name }) => kind === 'manual' && (step?.action ?? name) === name)
  const questions = isJsonObject(manual?.with.form) ? manual.with.form : {}
  const answers = { ...form }
  for (const [name, question] of Object.entries(questions))
    if (answers[name] === undefined) answers[name] = (await terminal.ask(`${visibleLine(String(question))} `)) ?? ''
  return answers
}
