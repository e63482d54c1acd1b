import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Command, Option } from 'commander'
import { ALERT_SOURCES, type AlertSource } from '../../core/alert.ts'
import { messageOf, RunbookError } from '../../core/errors.ts'
import { isJsonObject, type JsonObject } from '../../core/json.ts'
import type { AlertExplanations, AlertView } from '../../engine/views/view-types.ts'
import { openClient } from '../client.ts'
import { pageOf, printJson, printLines, wantsJson } from '../output.ts'
import { ageText } from '../render/age.ts'
import { table, wrap } from '../render/layout.ts'
import type { Terminal } from '../terminal.ts'

/** The maximum size of a payload that the API accepts. */
const MAX_PAYLOAD = 60_000

/** `runbook alerts`: shows what the alerts of monitoring systems led to. */
export function command(terminal: Terminal): Command {
  const alerts = new Command('alerts')
    .description(
      'Show what the alerts that monitoring systems sent led to. The rules are under "alerts" in runbook.config.yaml, the sources under "hooks".',
    )
    .addHelpText('after', '\nExamples:\n  runbook alerts unmatched\n  runbook alerts explain payload.json')
  alerts
    .command('unmatched')
    .summary('list the alerts that could not be used, and why')
    .description(
      'List the alerts that could not be used, the latest first, each with the reason. They are kept for a week.',
    )
    .addHelpText('after', '\nExample:\n  runbook alerts unmatched -o json')
    .action(async (_options: object, self: Command) => {
      const found = await openClient(terminal).unmatchedAlerts()
      if (wantsJson(self)) return printJson(terminal, found)
      if (found.length === 0) return terminal.log('no unmatched alerts: every alert of the last week was used')
      printUnmatched(terminal, found)
    })
  alerts
    .command('explain <payload>')
    .summary('say which incident each alert of a payload would open or join')
    .description(
      'Say which incident each alert of a payload would open or join, and why. Changes nothing. The payload is a file with what the source sends, or - for stdin.',
    )
    .addOption(
      new Option('--source <source>', 'the format of the payload (default: what it looks like)').choices(ALERT_SOURCES),
    )
    .addHelpText('after', '\nExample:\n  runbook alerts explain payload.json --source grafana')
    .action(async (file: string, { source }: { source?: AlertSource }, self: Command) => {
      const payload = await readPayload(terminal, file)
      const explained = await openClient(terminal).explainAlerts(source ?? sourceOf(payload), payload)
      if (wantsJson(self)) printJson(terminal, explained)
      else printExplained(terminal, explained)
    })
  return alerts
}

async function readPayload(terminal: Terminal, file: string): Promise<JsonObject> {
  const payload = parse(file, file === '-' ? await terminal.readStdin(MAX_PAYLOAD) : readText(terminal, file))
  if (isJsonObject(payload)) return payload
  throw new RunbookError('RUNBOOK_BAD_INPUT', `${file} is not a JSON object: save what the source sends, unchanged`)
}

function readText({ cwd }: Terminal, file: string): string {
  try {
    return readFileSync(resolve(cwd, file), 'utf8')
  } catch (error) {
    throw new RunbookError('RUNBOOK_BAD_INPUT', `cannot read ${file}: ${messageOf(error)}`)
  }
}

function parse(file: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new RunbookError('RUNBOOK_BAD_INPUT', `${file} is not JSON: ${messageOf(error)}`)
  }
}

/** Grafana sends the fields of Alertmanager, and the organisation. */
function sourceOf(payload: JsonObject): AlertSource {
  if ('orgId' in payload) return 'grafana'
  return 'groupKey' in payload ? 'alertmanager' : 'generic'
}

function printUnmatched(terminal: Terminal, alerts: AlertView[]): void {
  const { width, colours, now } = pageOf(terminal)
  const rows = alerts.map((alert) => [
    alert.labels.alertname ?? alert.fingerprint,
    alert.source,
    alert.status,
    ageText(now - Date.parse(alert.lastAt)),
    String(alert.deliveries),
    alert.problem ?? '',
  ])
  printLines(terminal, table(['ALERT', 'SOURCE', 'STATUS', 'LAST', 'TIMES', 'WHY'], rows, width, colours.dim))
}

function printExplained(terminal: Terminal, { alerts, truncated }: AlertExplanations): void {
  const { width } = pageOf(terminal)
  for (const { fingerprint, would, rule, type, inputs } of alerts) {
    const by = rule === null ? '' : ` Rule: alerts[${rule}], incident type ${type}.`
    const given = inputs === null ? '' : ` Inputs: ${JSON.stringify(inputs)}.`
    printLines(terminal, wrap(`${fingerprint ?? 'an alert'} would ${would}.${by}${given}`, width))
  }
  if (truncated > 0) terminal.log(`the source left out ${truncated} more alerts, which are not in this payload`)
}
