/**
 * Characters that a terminal obeys (control characters) or does not show (zero-width, bidi controls, fillers, lone surrogates). U+FE0F
 * after a pictograph is not among them, because people type emoji in this way.
 */
const INVISIBLE =
  /(?!(?<=\p{Extended_Pictographic})\uFE0F)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu

const LINE_BREAK = /\r\n|\r|\n/
const BREAKS_AND_TABS = /[\r\n\t\p{Zl}\p{Zp}]+/gu

/**
 * A value of any origin as one line that is safe to show. Every invisible character and line break becomes its number (`\u{1b}`). A value
 * that is not a string is shown as JSON. Two different values always give different lines, so that people can trust what they approve.
 */
export function visibleText(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
  return text.replace(INVISIBLE, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`)
}

/** Like `visibleText`, but consecutive line breaks and tabs become one space. Used for sentences. */
export function visibleLine(text: string): string {
  return visibleText(text.replace(BREAKS_AND_TABS, ' '))
}

/** Like `visibleText`, but line breaks are kept and a tab becomes two spaces. Used for texts of several lines. */
export function visibleLines(text: string): string {
  return text
    .split(LINE_BREAK)
    .map((line) => visibleText(line.replaceAll('\t', '  ')))
    .join('\n')
}
