import type { Command } from 'commander'
import type { Page } from './render/proposal.ts'
import type { Terminal } from './terminal.ts'

/** Whether `-o json` was given, before the command or after it. */
export function wantsJson(command: Command): boolean {
  return command.optsWithGlobals<{ output?: string }>().output === 'json'
}

export function printJson(terminal: Terminal, value: unknown): void {
  terminal.print(JSON.stringify(value, null, terminal.live ? 2 : 0))
}

/** Width, colours and time for text on stdout. */
export function pageOf({ width, colours, interactive }: Terminal): Page {
  return { width: Math.max(40, Math.min(width, 120)), colours, interactive, now: Date.now() }
}

export function printLines(terminal: Terminal, lines: string[]): void {
  terminal.print(lines.join('\n'))
}

/** The argument that identifies an incident, the same for every command. */
export const INCIDENT_ARGUMENT = ['<incident>', 'the incident: INC-142, inc-142 or 142'] as const

/** `--watch`, the same for every command that has it. */
export const WATCH_OPTION = [
  '-w, --watch',
  'follow the incident until it is closed; exit with the code of its outcome',
] as const
