import type { Span } from './source.ts'

/** What to do about a syntax error of YAML, in the words of someone who writes expressions. `code` is the parser's. */
export function explainSyntax(code: string, text: string, at: Span): string {
  const line = lineAround(text, at.start)
  if (code === 'TAB_AS_INDENT') return 'Indent with spaces; a tab is not allowed here.'
  if (/\[(?:[^\]"'#]*,)?\s*#/.test(line))
    return 'YAML takes what begins with "#" for a comment, so the bracket is never closed. Groups and channels are named without "#"; another text that begins with it must be quoted.'
  if (/[{[,]\s*[^#"']*\$\{\{/.test(line) && !/^\s*-?\s*[\w.-]+:\s*\$\{\{/.test(line))
    return 'Inside { } and [ ] an expression must be quoted: "${{ … }}".'
  const value = /^(\s*(?:-\s+)*[\w.-]+:\s+)(\S.*)$/.exec(line)?.[2] ?? ''
  if (/^["'].*["']\s*\S/.test(value) || /^\[.*\]\s*\S/.test(value) || /^\{.*\}\s*\S/.test(value))
    return `YAML ends the value where the ${value[0] === '[' || value[0] === '{' ? 'bracket' : 'quote'} closes. ${QUOTE}`
  if ((code === 'BLOCK_AS_IMPLICIT_KEY' || code === 'MULTILINE_IMPLICIT_KEY') && /\s\?\s.*:\s/.test(line))
    return `YAML takes "a ? b : c" for a key and its value. ${QUOTE}`
  if (code === 'BLOCK_AS_IMPLICIT_KEY' && /:\s.*:\s/.test(line))
    return `A second ": " is not allowed in this value. ${QUOTE}`
  return SENTENCES[code] ?? `This is not YAML (${code.toLowerCase().replaceAll('_', ' ')}).`
}

/** Where the slip is: a value that goes on in a deeper line is reported where it begins, and the line beneath is the one to move. */
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
  BLOCK_AS_IMPLICIT_KEY: `${DEEPER} than its neighbours, so it would go on with the value above it.`,
  BLOCK_IN_FLOW: 'Inside { } and [ ] everything stays on its line or is indented; no "- " lists there.',
  MULTILINE_IMPLICIT_KEY: 'A key and its ":" must stand on one line. Is a ":" missing, or the line indented too far?',
  MISSING_CHAR: 'A ":", "," or closing quote is missing here.',
  UNEXPECTED_TOKEN: 'This was not expected here. Is a quote, a bracket or an indentation missing before it?',
  BAD_SCALAR_START: `A value cannot begin with this character. ${QUOTE}`,
  BAD_DQ_ESCAPE: 'This is no escape sequence: write "\\\\" for a backslash, or use single quotes.',
  BAD_PROP_ORDER: 'Tags and anchors are not part of the language.',
  ALIAS_PROPS: 'Aliases (*name) are not part of the language. Quote the text if it is one.',
  BAD_ALIAS: 'Aliases (*name) are not part of the language. Quote the text if it is one.',
  KEY_OVER_1024_CHARS: 'A key may not be longer than 1,024 characters. Is a quote or a line break missing?',
  TAG_RESOLVE_FAILED: 'Tags (!name) are not part of the language.',
}

function lineAround(text: string, offset: number): string {
  const begin = text.lastIndexOf('\n', Math.max(0, offset - 1)) + 1
  const end = text.indexOf('\n', begin)
  return text.slice(begin, end < 0 ? undefined : end)
}
