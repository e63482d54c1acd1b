import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Command } from 'commander'
import { RunbookError } from '../../core/errors.ts'
import { visibleLine } from '../../core/displayable.ts'
import { receiverOf, sendCheckpoint } from '../../engine/audit/send-checkpoint.ts'
import type { Terminal } from '../terminal.ts'
import { Exit } from '../command.ts'
import { printJson, printLines, wantsJson } from '../output.ts'
import { plural } from '../render/layout.ts'

/** `runbook audit`: whether the history is as it was written. Asks the database itself, not the API. */
export function command(terminal: Terminal): Command {
  const audit = new Command('audit')
    .description(
      'Finds what was changed or removed in the history. Reads the engine’s database directly, and believes no server.',
    )
    .addHelpText(
      'after',
      '\nWhat was cut off the end of a history shows only against a checkpoint that was kept elsewhere.\n\nExamples:\n  runbook audit verify\n  runbook audit checkpoint --to /backup/runbook-checkpoint.json\n  runbook audit checkpoint --to https://example.com/checkpoints\n  runbook audit verify --checkpoint /backup/runbook-checkpoint.json',
    )
  audit
    .command('verify')
    .description(
      'all incidents: chains, evidence, proposals, plans, signatures of decisions, and what their rows say; exits with 1 where something is wrong',
    )
    .option('--checkpoint <file>', 'also find what was cut off or written anew since this checkpoint')
    .action(({ checkpoint }: { checkpoint?: string }, self: Command) => verify(terminal, checkpoint, wantsJson(self)))
  audit
    .command('checkpoint')
    .description(
      'how far every history goes now, signed with the engine’s key: printed, written to a new file, or sent',
    )
    .option(
      '--to <file or URL>',
      'keep it where who can change the database cannot change it; an https:// address is sent it as JSON (POST), and it is printed too',
    )
    .action(async ({ to }: { to?: string }) => {
      const receiver = to === undefined ? undefined : receiverOf(to)
      const path = to === undefined || receiver ? undefined : resolve(terminal.cwd, to)
      if (path !== undefined && existsSync(path))
        throw new RunbookError('RUNBOOK_BAD_INPUT', `${path} is there already: a checkpoint is never overwritten`)
      const { openAudit } = await import('../open-audit.ts')
      const history = await openAudit(terminal)
      const signed = await history.checkpoint().finally(() => history.close())
      const text = JSON.stringify(signed)
      if (path === undefined) terminal.print(text)
      else writeFileSync(path, `${text}\n`, { flag: 'wx' })
      if (receiver) await sendCheckpoint(receiver, signed)
      const where = receiver ? ` taken by ${receiver.origin}` : path === undefined ? '' : ` written to ${path}`
      terminal.say(
        `checkpoint of ${plural(signed.checkpoint.heads.length, 'incident')} at ${signed.checkpoint.at}${where}`,
      )
    })
  return audit
}

async function verify(terminal: Terminal, file: string | undefined, json: boolean): Promise<void> {
  const { openAudit } = await import('../open-audit.ts')
  const text = file === undefined ? undefined : readText(resolve(terminal.cwd, file))
  const history = await openAudit(terminal)
  const audited = await history.verify(text).finally(() => history.close())
  const { incidents, events, checkpoint, faults } = audited
  if (json) printJson(terminal, audited)
  else if (faults.length > 0)
    printLines(
      terminal,
      faults.map(({ incident, seq, what }) => visibleLine(`${incident}${seq > 0 ? ` event ${seq}` : ''}: ${what}`)),
    )
  const against = checkpoint === null ? '' : `, compared with the checkpoint of ${checkpoint}`
  const size = `${plural(incidents, 'incident')}, ${plural(events, 'event')}${against}`
  terminal.say(faults.length === 0 ? `intact: ${size}` : `${plural(faults.length, 'fault')} in ${size}`)
  if (faults.length > 0) throw new Exit(1)
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    throw new RunbookError('RUNBOOK_BAD_INPUT', `--checkpoint: ${path} cannot be read`)
  }
}
