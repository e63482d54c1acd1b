import { Command } from 'commander'
import { isJsonObject } from '../../core/json.ts'
import { visibleLine } from '../../core/displayable.ts'
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
    .description('Says that a step that only a person can do was done; the incident goes on from there.')
    .argument(...INCIDENT_ARGUMENT, parseIncidentId)
    .option('-s, --step <action/target>', 'which; may be left out where one waits', parseEffect)
    .option('-f, --form <name=value>', 'an answer that the step asks for (repeat for several)', collectInput)
    .option('--not', 'it was not done, and will not be')
    .option('-c, --comment <text>', 'kept')
    .addHelpText(
      'after',
      '\nExamples:\n  runbook done 142\n  runbook done 142 --form version=1.14.2\n  runbook done 142 --not --comment "the release is needed"',
    )
    .action(async (id: string, { step, not, form = {}, comment }: Options, self: Command) => {
      const client = openClient(terminal)
      const answers = not || !terminal.interactive ? form : await askFor(terminal, client, id, step, form)
      const effect = await client.done(id, {
        done: !not,
        ...step,
        ...(Object.keys(answers).length > 0 ? { form: answers } : {}),
        comment,
      })
      if (wantsJson(self)) printJson(terminal, effect)
      terminal.say(visibleLine(`${effect.action} on ${effect.target} is ${effect.result}: ${effect.detail}`))
    })
}

/** What the step asks for and was not said yet. */
async function askFor(
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
