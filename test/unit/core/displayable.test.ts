import { expect, test } from 'vitest'
import { visibleLine, visibleLines, visibleText } from '../../../src/core/displayable.ts'

const ATTACKS: [what: string, text: string, shown: string][] = [
  ['clears the screen', 'a\u001b[2Jb', 'a\\u{1b}[2Jb'],
  ['sets the title of the window', '\u001b]0;title\u0007', '\\u{1b}]0;title\\u{7}'],
  ['moves the cursor by an 8-bit control', 'a\u009b2Ab', 'a\\u{9b}2Ab'],
  ['deletes the character before', 'DROP\b\b\b\bKEEP', 'DROP\\u{8}\\u{8}\\u{8}\\u{8}KEEP'],
  ['reverses the text after it', 'run-7\u202egnp.exe', 'run-7\\u{202e}gnp.exe'],
  ['isolates text of another direction', '\u2066a\u2069', '\\u{2066}a\\u{2069}'],
  ['marks Arabic letters', 'a\u061cb', 'a\\u{61c}b'],
  ['has no width', 'run\u200b-7\u2060\ufeff', 'run\\u{200b}-7\\u{2060}\\u{feff}'],
  ['is a soft hyphen', 'run\u00ad-7', 'run\\u{ad}-7'],
  ['is a combining joiner', 'run\u034f-7', 'run\\u{34f}-7'],
  ['is a Hangul filler', 'run\u3164-7\u115f', 'run\\u{3164}-7\\u{115f}'],
  ['hides text in tags', 'a\u{e0041}\u{e007f}', 'a\\u{e0041}\\u{e007f}'],
  ['hides text in variation selectors', 'a\ufe0f\u{e0101}', 'a\\u{fe0f}\\u{e0101}'],
  ['is half of a surrogate pair', 'a\ud800b', 'a\\u{d800}b'],
  ['is NUL or DEL', 'a\0b\u007f', 'a\\u{0}b\\u{7f}'],
]

test.each(ATTACKS)('a character that %s becomes its number', (_, text, shown) => {
  for (const visible of [visibleText, visibleLine, visibleLines]) expect(visible(text)).toBe(shown)
})

test('a text that people approve shows its line breaks and tabs', () => {
  expect(visibleText('a\r\nb\tc\u2028d')).toBe('a\\u{d}\\u{a}b\\u{9}c\\u{2028}d')
})

test('in a sentence, line breaks and tabs become one space', () => {
  expect(visibleLine('a\r\n\tb\u2028c')).toBe('a b c')
})

test('in several lines, line breaks become \\n, a tab two spaces, and a Unicode line separator does not start a line', () => {
  expect(visibleLines('a\r\nb\rc\u2029d\te')).toBe('a\nb\nc\\u{2029}d  e')
})

test('a value that is not a string is shown as JSON', () => {
  expect(visibleText({ run: 'a\u202eb', n: 1 })).toBe('{"run":"a\\u{202e}b","n":1}')
  expect([visibleText(null), visibleText(undefined)]).toEqual(['null', ''])
})

test('ordinary text of any script, and emoji, stay as they are', () => {
  const text = 'ünï “€” 日本語 العربية e\u0301 ⚠\ufe0f 😀'
  for (const visible of [visibleText, visibleLine, visibleLines]) expect(visible(text)).toBe(text)
})

test('a text that was made visible stays the same when it is made visible again', () => {
  for (const [, text] of ATTACKS) {
    const once = visibleLines(text)
    expect([visibleText(once), visibleLine(once), visibleLines(once)]).toEqual([once, once, once])
  }
})
