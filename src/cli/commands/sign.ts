import { randomUUID } from 'node:crypto'
import { Command } from 'commander'
import { readEnvironment } from '../../config/environment.ts'
import { defined } from '../../core/defined.ts'
import { RunbookError } from '../../core/errors.ts'
import { projectDirectory } from '../address.ts'
import { openClient } from '../client.ts'
import { confirm } from '../confirm.ts'
import { breakGlassReason, findOpenGate } from '../decide.ts'
import { parseIncidentId } from '../incident-id.ts'
import { INCIDENT_ARGUMENT, printJson, wantsJson } from '../output.ts'
import { parseTargets } from '../targets-option.ts'
import type { Terminal } from '../terminal.ts'

interface Options {
  digest?: string
  gate?: string
  person?: string
  targets?: string[]
  reject?: true
  nextCause?: true
  comment?: string
  breakGlass?: true
  reason?: string
}

export function command(terminal: Terminal): Command {
  return new Command('sign')
    .description(
      'Sign a decision with your own registered key (RUNBOOK_KEY) and print it as a token. It takes effect when you send the token with a Temporal signal, which works while the API is down.',
    )
    .argument(...INCIDENT_ARGUMENT, parseIncidentId)
    .option('-d, --digest <digest>', 'digest of the proposal; with all 64 digits and --gate the API is not needed')
    .option('--gate <gate>', 'id of the gate, such as INC-142.r1')
    .option('--person <name>', 'your name in the configuration (default: RUNBOOK_PERSON)')
    .option('--targets <keys>', 'approve only these targets, separated by commas (default: all)', parseTargets)
    .option('--reject', 'reject the proposal (default: approve)')
    .option('--next-cause', 'reject it and propose a remedy for the next cause that holds')
    .option('-c, --comment <text>', 'stored with the decision')
    .option(
      '--break-glass',
      'approve without the required approvers, if your groups may; needs --reason, is announced and marked in the review',
    )
    .option('--reason <text>', 'with --break-glass: why it cannot wait (at least 20 characters)')
    .addHelpText(
      'after',
      `\nExamples:\n  runbook sign 142 --person lead\n  token=$(runbook sign 142 --person lead --digest 3f9ac01b22d4)\n  temporal workflow signal --query "WorkflowId STARTS_WITH 'INC-142/'" --name decision --input "\\"$token\\"" --reason decision --yes`,
    )
    .action((id: string, options: Options, self: Command) => sign(terminal, id, options, wantsJson(self)))
}

async function sign(terminal: Terminal, id: string, options: Options, json: boolean): Promise<void> {
  const { environment } = readEnvironment(projectDirectory(terminal.cwd), terminal.env)
  const key = environment.RUNBOOK_KEY
  const person = options.person ?? environment.RUNBOOK_PERSON
  if (!key) throw missing('RUNBOOK_KEY is not set. Set it to your private key (ed25519:…).')
  if (!person) throw missing('your name is missing. Give it with --person or RUNBOOK_PERSON.')
  const { gate, proposalDigest } = await proposalOf(terminal, id, options)
  const { readClaims } = await import('../../gate/decision-schema.ts')
  const { signClaims } = await import('../../gate/keyring.ts')
  const { targets, comment, nextCause } = options
  const breakGlass = breakGlassReason(options)
  const reject = options.reject === true || nextCause === true
  const claims = readClaims(
    defined({
      gate,
      proposalDigest,
      decision: reject ? 'reject' : 'approve',
      targets: reject ? undefined : targets,
      nextCause,
      comment: comment || undefined,
      breakGlass,
      person,
      iat: Math.floor(Date.now() / 1000),
      jti: randomUUID(),
    }),
  )
  const token = await signClaims(claims, key)
  if (json) printJson(terminal, { gate, token })
  else terminal.print(token)
  terminal.log(
    // Only the API knows the workflow's whole id; Temporal finds it by its beginning.
    `signed by ${person}: ${claims.decision} ${gate}. Send it with: temporal workflow signal --query "WorkflowId STARTS_WITH '${id}/'" --name decision --input '"<the printed token>"' --reason decision --yes`,
  )
}

/** What is signed: the given gate and digest, else the open gate from the API, which is confirmed if there is no digest. */
async function proposalOf(
  terminal: Terminal,
  id: string,
  { digest, gate, targets }: Options,
): Promise<{ gate: string; proposalDigest: string }> {
  if (gate !== undefined && !gate.startsWith(`${id}.r`))
    throw new RunbookError(
      'RUNBOOK_BAD_INPUT',
      `--gate: ${gate} is not a gate of ${id}. A gate is written like ${id}.r1.`,
    )
  if (gate !== undefined && digest?.length === 64) return { gate, proposalDigest: digest }
  if (digest === undefined && !terminal.interactive)
    throw new RunbookError(
      'RUNBOOK_BAD_INPUT',
      `--digest is required, because there is no terminal to confirm on. "runbook show ${id}" prints the digest of the proposal.`,
    )
  const open = await findOpenGate(openClient(terminal), id, digest)
  if (digest === undefined) await confirm(terminal, open, targets, 'Sign for')
  return { gate: open.id, proposalDigest: open.proposalDigest }
}

function missing(message: string): RunbookError {
  return new RunbookError('RUNBOOK_CONFIG', message)
}
