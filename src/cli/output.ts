import type { Command } from 'commander'
import type { Terminal } from './terminal.ts'
import type { Page } from './render/proposal.ts'

/** Whether `-o json` was asked for, before the verb or behind it. */
export function wantsJson(command: Command): boolean {
  return command.optsWithGlobals<{ output?: string }>().output === 'json'
}

export function printJson(terminal: Terminal, value: unknown): void {
  terminal.print(JSON.stringify(value, null, terminal.live ? 2 : 0))
}

/** How wide and how coloured what goes to stdout may be. */
export function pageOf({ width, colours, interactive }: Terminal): Page {
  return { width: Math.max(40, Math.min(width, 120)), colours, interactive, now: Date.now() }
}

export function printLines(terminal: Terminal, lines: string[]): void {
  terminal.print(lines.join('\n'))
}

/** The argument that names an incident, the same in every verb. */
export const INCIDENT_ARGUMENT = ['<incident>', 'INC-142, inc-142 or 142'] as const
