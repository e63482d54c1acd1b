import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Command } from 'commander'
import { messageOf, RunbookError } from '../../core/errors.ts'
import { visibleLine } from '../../core/displayable.ts'
import { receiverOf, sendCheckpoint } from '../../engine/audit/send-checkpoint.ts'
import type { Terminal } from '../terminal.ts'
import { Exit } from '../command.ts'
import { printJson, printLines, wantsJson } from '../output.ts'
import { plural } from '../render/layout.ts'

/** `runbook audit`: checks the history for changes. Reads the engine's database, not the API. */
export function command(terminal: Terminal): Command {
  const audit = new Command('audit')
    .description(
      "Check the history for changed or removed records. Reads the engine's database directly, without the API.",
    )
    .addHelpText(
      'after',
      '\nRecords removed from the end of a history can only be found with a\ncheckpoint that is stored elsewhere.\n\nExamples:\n  runbook audit verify\n  runbook audit checkpoint --to /backup/runbook-checkpoint.json\n  runbook audit checkpoint --after /backup/june.json --to /backup/july.json\n  runbook audit checkpoint --to https://example.com/checkpoints\n  runbook audit verify --checkpoint /backup/runbook-checkpoint.json',
    )
  audit
    .command('verify')
    .summary('check all histories')
    .description(
      'Check the hash chains, evidence, proposals, plans and signatures of all incidents. Exit code 1 if there is a fault.',
    )
    .option('--checkpoint <file>', 'also find records that were removed or rewritten since this checkpoint')
    .action(({ checkpoint }: { checkpoint?: string }, self: Command) => verify(terminal, checkpoint, wantsJson(self)))
  audit
    .command('checkpoint')
    .summary('create a signed checkpoint of all histories')
    .description(
      "Create a checkpoint: the current end of every history, signed with the engine's key. Store it where administrators of the database cannot change it.",
    )
    .option(
      '--to <file or URL>',
      'write it to a new file, or send it to an https:// URL (POST, JSON) and print it; default: only print it',
    )
    .option(
      '--after <file>',
      'your last checkpoint: the new one also vouches for the signatures of keys that are no longer configured',
    )
    .action(async ({ to, after }: { to?: string; after?: string }) => {
      const receiver = to === undefined ? undefined : receiverOf(to)
      const path = to === undefined || receiver ? undefined : resolve(terminal.cwd, to)
      if (path !== undefined && existsSync(path))
        throw new RunbookError(
          'RUNBOOK_BAD_INPUT',
          `--to: ${path} already exists, and a checkpoint is never overwritten. Choose another file.`,
        )
      const before = after === undefined ? undefined : readText('--after', resolve(terminal.cwd, after))
      const { openAudit } = await import('../open-audit.ts')
      const history = await openAudit(terminal)
      const signed = await history.checkpoint(before).finally(() => history.close())
      const text = JSON.stringify(signed)
      if (path === undefined) terminal.print(text)
      else writeFileSync(path, `${text}\n`, { flag: 'wx' })
      if (receiver) await sendCheckpoint(receiver, signed)
      const where = receiver ? `, sent to ${receiver.origin}` : path === undefined ? '' : `, written to ${path}`
      terminal.log(
        `checkpoint of ${plural(signed.checkpoint.heads.length, 'incident')} at ${signed.checkpoint.at}${where}`,
      )
      const { unverified = 0 } = signed.checkpoint
      if (unverified > 0)
        terminal.log(
          `${plural(unverified, 'decision')} could not be verified, so this checkpoint does not vouch for them: no configured key signed them, and --after does not list them. "runbook audit verify" names their keys`,
        )
    })
  return audit
}

async function verify(terminal: Terminal, file: string | undefined, json: boolean): Promise<void> {
  const { openAudit } = await import('../open-audit.ts')
  const text = file === undefined ? undefined : readText('--checkpoint', resolve(terminal.cwd, file))
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
  terminal.log(faults.length === 0 ? `intact: ${size}` : `${plural(faults.length, 'fault')} in ${size}`)
  if (faults.length > 0) throw new Exit(1)
}

function readText(option: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new RunbookError('RUNBOOK_BAD_INPUT', `${option}: cannot read the file: ${messageOf(error)}. Check its path.`)
  }
}
