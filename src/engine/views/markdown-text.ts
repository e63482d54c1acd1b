import { visibleLine } from '../../core/displayable.ts'

/** Functions that write values from outside as Markdown. */

/** Escapes Markdown, because data in running text must not become markup. */
export function inline(text: string): string {
  return visibleLine(text).replace(/[<>*_`[\]|\\&~#!]/g, (character) => `\\${character}`)
}

/** A Markdown code span that can hold any text. It must not be used in a table, because `|` is not escaped. */
export function code(text: string): string {
  const line = visibleLine(text)
  const fence = fenceFor(line, 1)
  const space = line.startsWith('`') || line.endsWith('`') ? ' ' : ''
  return `${fence}${space}${line}${space}${fence}`
}

/** A fence longer than any run of backticks in the text. */
export function fenceFor(text: string, least: number): string {
  const longest = Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length))
  return '`'.repeat(Math.max(least, longest + 1))
}

export function html(text: string): string {
  return visibleLine(text).replace(/[<>&"]/g, (character) => `&#${character.charCodeAt(0)};`)
}
