import { readFileSync } from 'node:fs'

const lines = (name) =>
  readFileSync(new URL(`docs/words/${name}.txt`, import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))

/** Single words with their replacements; test/unit/docs/words.test.ts finds the phrases. */
const retiredWords = lines('retired').filter((line) => /^\S*[^\s_] -> /.test(line))

/** The spelling of code and documents. `npm run check` runs it on the tracked files; editors with cspell's extension read it too. */
export default {
  version: '0.2',
  language: 'en-US,en-GB',
  dictionaries: ['typescript', 'node', 'npm', 'sql', 'redis', 'lua', 'bash', 'softwareTerms'],
  words: lines('accepted'),
  flagWords: retiredWords.map((line) => line.replace(' -> ', '->')),
  overrides: [{ filename: 'test/**', words: lines('accepted-in-tests') }],
  ignorePaths: [
    'package-lock.json',
    'LICENSE',
    'docs/words',
    'test/fixtures/histories',
    // Misspelt on purpose, and what is generated from them.
    'test/fixtures/runbooks/{broken,between}',
    'src/cli/render/rule-examples.json',
  ],
  // Ids, digests and other random text; a column with a retired word in its name; escape codes of terminals.
  ignoreRegExpList: [
    '/rung_at/g',
    '/\\?25[lh]/g',
    '/\\b[0-9a-f]{8,}\\b/g',
    '/\\b(?:run|job)-[0-9a-z]+\\b/g',
    '/sha(?:256|512)-[A-Za-z0-9+\\/=]+/g',
  ],
}
