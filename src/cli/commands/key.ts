import { existsSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Command } from 'commander'
import { editConfig } from '../../config/edit-config.ts'
import { envFileLine } from '../../config/environment.ts'
import { messageOf, RunbookError } from '../../core/errors.ts'
import { newSigningKey, publicKeyOf } from '../../gate/keyring.ts'
import { readEnvironmentFile, updateEnvironmentFile } from '../installation/environment-file.ts'
import { readPeople } from '../people-file.ts'
import type { Terminal } from '../terminal.ts'

/** `runbook key`: the keys that sign decisions. Needs no server. */
export function command(terminal: Terminal): Command {
  const key = new Command('key')
    .description("Create a person's own key, and replace the engine's signing key. Private keys are never printed.")
    .addHelpText(
      'after',
      '\nExamples:\n  runbook key create --to ana.key\n  runbook key rotate\n  runbook key rotate --to new-signing-key.env',
    )
  key
    .command('create')
    .summary('create a key for "runbook sign"')
    .description(
      'Create a key with which a person signs decisions. The file gets the private key, as RUNBOOK_KEY; the public key is printed, for "runbook people add --key" or people.<name>.keys.',
    )
    .requiredOption('--to <file>', 'a new file for the private key (required); only its owner can read it')
    .action(({ to }: { to: string }) => {
      const made = newSigningKey()
      writeNewFile(resolve(terminal.cwd, to), 'RUNBOOK_KEY', made)
      terminal.print(publicKeyOf(made))
      terminal.log(`the private key is in ${to}: keep it secret`)
    })
  key
    .command('rotate')
    .summary("replace the engine's signing key")
    .description(
      "Replace the engine's signing key. The former key goes into signing.previous as a public key, so that decisions made with it still count. The new key is written to .runbook/env, or to the file that --to names. Processes that read .runbook/env use it without a restart. Where the key is a variable of the environment, restart the workers first, then the API.",
    )
    .option('--to <file>', 'a new file for the new key, for an environment that this command cannot change')
    .action(({ to }: { to?: string }) => rotate(terminal, to))
  return key
}

function rotate(terminal: Terminal, to: string | undefined): void {
  const { file, directory, signing } = readPeople(terminal)
  const { variable } = signing.key
  if (variable === undefined)
    throw new RunbookError('RUNBOOK_CONFIG', `${file}: signing.key is not one variable. Write \${NAME} there.`)
  const former = publicKeyOf(signing.key.reveal())
  const target = to === undefined ? undefined : resolve(terminal.cwd, to)
  if (target !== undefined && existsSync(target)) throw alreadyExists(target)
  if (target === undefined && (terminal.env[variable] || readEnvironmentFile(directory)[variable] === undefined))
    throw new RunbookError(
      'RUNBOOK_CONFIG',
      `${variable} is in the environment, which this command cannot change. Run it with --to <file>, and set ${variable} from that file.`,
    )
  const previous = signing.previous.includes(former) ? signing.previous : [former, ...signing.previous]
  // The former key is added to the list first, so that decisions are still verified if this process ends in between.
  editConfig(file, [{ path: ['signing', 'previous'], value: previous }], terminal.env)
  const made = newSigningKey()
  if (target === undefined) updateEnvironmentFile(directory, { [variable]: made })
  else writeNewFile(target, variable, made)
  terminal.print(publicKeyOf(made))
  terminal.log(
    [
      `the new key is in ${target ?? `${directory}/.runbook/env`}, and the former one is in signing.previous of ${file}`,
      target === undefined
        ? 'workers accept the new key within seconds, and the API signs with it after three minutes; no restart is needed'
        : 'restart all workers first, then the API: a worker that does not know the new key refuses what is approved with it ("runbook doctor" names such workers)',
      'then make a checkpoint ("runbook audit checkpoint"); "runbook doctor" says when the former key can be removed',
    ].join('\n'),
  )
}

function writeNewFile(path: string, variable: string, value: string): void {
  try {
    writeFileSync(path, `${envFileLine(variable, value)}\n`, { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw alreadyExists(path)
    throw new RunbookError('RUNBOOK_BAD_INPUT', `--to: cannot write ${path}: ${messageOf(error)}`)
  }
}

function alreadyExists(path: string): RunbookError {
  return new RunbookError('RUNBOOK_BAD_INPUT', `--to: ${path} already exists. Choose another file.`)
}
