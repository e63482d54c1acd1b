/**
 * Characters that a terminal obeys (control characters) or does not show (zero-width, bidi controls, fillers, lone surrogates).
 * U+FE0F after a pictograph is how people type emoji, so it stays.
 */
const INVISIBLE =
  /(?!(?<=\p{Extended_Pictographic})\uFE0F)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu

const LINE_BREAK = /\r\n|\r|\n/
const BREAKS_AND_TABS = /[\r\n\t\p{Zl}\p{Zp}]+/gu

/**
 * A value from anywhere on one line that is safe to show: every invisible character, line breaks too, becomes its number (`\u{1b}`).
 * What is not a string is shown as JSON. For texts that people approve: two values that differ never look the same.
 */
export function visibleText(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
  return text.replace(INVISIBLE, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`)
}

/** As `visibleText`, but a run of line breaks and tabs becomes one space: for sentences. */
export function visibleLine(text: string): string {
  return visibleText(text.replace(BREAKS_AND_TABS, ' '))
}

/** As `visibleText`, but line breaks are kept and a tab becomes two spaces: for texts of several lines. */
export function visibleLines(text: string): string {
  return text
    .split(LINE_BREAK)
    .map((line) => visibleText(line.replaceAll('\t', '  ')))
    .join('\n')
}
