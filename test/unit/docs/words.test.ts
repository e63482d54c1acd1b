import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const root = new URL('../../../', import.meta.url)
const read = (file: string) => readFileSync(new URL(file, root), 'utf8')
const { projectFiles } = (await import(new URL('scripts/project-files.js', root).href)) as {
  projectFiles(): Promise<string[]>
}

/** The list of retired words, the only file that may contain them. */
const RETIRED = 'docs/words/retired.txt'
/** Files that nobody here writes: the licence, the output of tools and servers, and images. */
const NOT_WRITTEN_BY_US = /^(LICENSE|package-lock\.json|test\/fixtures\/histories\/.*)$|\.(png|ico|woff2)$/

const retired = entriesOf(read(RETIRED))

function entriesOf(text: string): { phrase: string; plain: string }[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'))
  return lines.map((line) => {
    const [phrase, plain] = line.split(' -> ')
    if (!phrase || !plain) throw new Error(`${RETIRED}: not "phrase -> plain term": ${line}`)
    return { phrase, plain }
  })
}

/** `file:line: "phrase": write "plain term"` for each retired phrase in a text. A phrase may continue on the next line of a comment. */
function retiredIn(file: string, text: string, entries = retired): string[] {
  if (entries.length === 0) return []
  const gap = String.raw`(?:\s|\n\s*(?:\*|//|--|#)?)+`
  const escaped = entries.map(({ phrase }) => {
    const words = phrase.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll(' ', gap)
    // An entry such as MAX_ is the beginning of a name.
    return phrase.endsWith('_') ? `(${words})` : String.raw`(${words})(?![\w-])`
  })
  const pattern = new RegExp(String.raw`(?<![\w-])(?:${escaped.join('|')})`, 'gi')
  return [...text.matchAll(pattern)].map((match) => {
    const entry = entries[match.slice(1).findIndex((group) => group !== undefined)]!
    const line = text.slice(0, match.index).split('\n').length
    return `${file}:${line}: "${entry.phrase}": write "${entry.plain}"`
  })
}

test('no file uses a retired word or phrase', async () => {
  const files = (await projectFiles()).filter((file) => file !== RETIRED && !NOT_WRITTEN_BY_US.test(file))
  expect(files.length).toBeGreaterThan(500)
  expect(files.flatMap((file) => retiredIn(file, read(file)))).toEqual([])
})

test('a retired phrase is found in any case, within words of code, and across two lines of a comment', () => {
  const entries = entriesOf('# comment\n\nold thing -> new thing\noldName -> newName\n')
  expect(retiredIn('a.ts', 'one\n// Old\n// thing', entries)).toEqual(['a.ts:2: "old thing": write "new thing"'])
  expect(retiredIn('a.md', 'an old\nthing', entries)).toEqual(['a.md:1: "old thing": write "new thing"'])
  expect(retiredIn('a.ts', 'OLD_LINES; THE_OLD_LINES', entriesOf('OLD_ -> NEW_'))).toEqual([
    'a.ts:1: "OLD_": write "NEW_"',
  ])
  expect(retiredIn('a.ts', 'oldName(x); old_thing; oldNames; a.oldName', entries)).toEqual([
    'a.ts:1: "oldName": write "newName"',
    'a.ts:1: "oldName": write "newName"',
  ])
})

test('the list of retired words has each word once', () => {
  const phrases = retired.map(({ phrase }) => phrase.toLowerCase())
  expect(phrases).toEqual([...new Set(phrases)])
})

test('the lists of accepted words are sorted, and no accepted word is retired', () => {
  const phrases = new Set(retired.map(({ phrase }) => phrase.toLowerCase()))
  for (const name of ['accepted', 'accepted-in-tests']) {
    const words = read(`docs/words/${name}.txt`)
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
    expect(words, name).toEqual(words.toSorted())
    expect(
      words.filter((word) => phrases.has(word)),
      name,
    ).toEqual([])
  }
})
