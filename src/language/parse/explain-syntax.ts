import type { Span } from './source.ts'

/** Explains a YAML syntax error to the author of a runbook, and says how to fix it. `code` is the parser's error code. */
export function explainSyntax(code: string, text: string, at: Span): string {
  const line = lineAround(text, at.start)
  if (code === 'TAB_AS_INDENT') return 'Indent with spaces; a tab is not allowed here.'
  if (/\[(?:[^\]"'#]*,)?\s*#/.test(line))
    return 'YAML reads "#" as the start of a comment, so the bracket is never closed. Write groups and channels without "#"; put any other string that begins with "#" in quotes.'
  if (/[{[,]\s*[^#"']*\$\{\{/.test(line) && !/^\s*-?\s*[\w.-]+:\s*\$\{\{/.test(line))
    return 'Inside { } and [ ] an expression must be quoted: "${{ … }}".'
  const value = /^(\s*(?:-\s+)*[\w.-]+:\s+)(\S.*)$/.exec(line)?.[2] ?? ''
  if (/^["'].*["']\s*\S/.test(value) || /^\[.*\]\s*\S/.test(value) || /^\{.*\}\s*\S/.test(value))
    return `YAML ends the value where the ${value[0] === '[' || value[0] === '{' ? 'bracket' : 'quote'} closes. ${QUOTE}`
  if ((code === 'BLOCK_AS_IMPLICIT_KEY' || code === 'MULTILINE_IMPLICIT_KEY') && /\s\?\s.*:\s/.test(line))
    return `YAML reads "a ? b : c" as a key and its value. ${QUOTE}`
  if (code === 'BLOCK_AS_IMPLICIT_KEY' && /:\s.*:\s/.test(line))
    return `A second ": " is not allowed in this value. ${QUOTE}`
  return SENTENCES[code] ?? `This is not valid YAML (${code.toLowerCase().replaceAll('_', ' ')}).`
}

/**
 * The place to report. For a line that is indented too deep it differs from the parser's place, because the parser names the line above.
 */
export function placeOfSyntax(code: string, text: string, at: Span): Span {
  if (code !== 'BLOCK_AS_IMPLICIT_KEY' || !explainSyntax(code, text, at).startsWith(DEEPER)) return at
  const end = text.indexOf('\n', at.start)
  const next = /^( *)(\S[^\n]*)/.exec(end < 0 ? '' : text.slice(end + 1))
  if (!next || next[1]!.length <= indentOf(lineAround(text, at.start))) return at
  const start = end + 1 + next[1]!.length
  return { start, end: start + next[2]!.length }
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length
}

const DEEPER = 'This line is indented deeper'

const QUOTE = 'Put the whole value in quotes, or write it on the next line after "|".'

const SENTENCES: Record<string, string> = {
  BAD_INDENT: 'This line is not indented like its neighbours, or a bracket before it is not closed.',
  BLOCK_AS_IMPLICIT_KEY: `${DEEPER} than its neighbours, so YAML reads it as part of the value above.`,
  BLOCK_IN_FLOW: 'Inside { } and [ ], indent every line, and do not use "- " lists.',
  MULTILINE_IMPLICIT_KEY: 'A key and its ":" must be on one line. Is a ":" missing, or is the line indented too far?',
  MISSING_CHAR: 'A ":", "," or closing quote is missing here.',
  UNEXPECTED_TOKEN: 'This is unexpected here. Is a quote, a bracket or indentation missing before it?',
  BAD_SCALAR_START: `A value cannot begin with this character. ${QUOTE}`,
  BAD_DQ_ESCAPE: 'This is not an escape sequence: write "\\\\" for a backslash, or use single quotes.',
  BAD_PROP_ORDER: 'Tags and anchors are not supported.',
  ALIAS_PROPS: 'Aliases (*name) are not supported. If it is a string, put it in quotes.',
  BAD_ALIAS: 'Aliases (*name) are not supported. If it is a string, put it in quotes.',
  KEY_OVER_1024_CHARS: 'A key has at most 1,024 characters. Is a quote or a line break missing?',
  TAG_RESOLVE_FAILED: 'Tags (!name) are not supported.',
}

function lineAround(text: string, offset: number): string {
  const begin = text.lastIndexOf('\n', Math.max(0, offset - 1)) + 1
  const end = text.indexOf('\n', begin)
  return text.slice(begin, end < 0 ? undefined : end)
}
