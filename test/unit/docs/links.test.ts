import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'

const root = join(import.meta.dirname, '../../..')
const { projectFiles } = (await import(new URL('../../../scripts/project-files.js', import.meta.url).href)) as {
  projectFiles(): Promise<string[]>
}
const pages = (await projectFiles()).filter((file) => file.endsWith('.md'))

/** Files that a recipe of CONTRIBUTING.md asks the reader to write. */
const TO_BE_WRITTEN = ['src/language/kinds/redis-keys.ts', 'activities/checks/redis-keys.ts']

/** Paths such as `src/gate/decide.ts` in a text. Paths with <…>, * or … are left out, because each stands for several files. */
function pathsIn(text: string): string[] {
  const pattern = /`((?:src|activities|workflows|test|scripts|docs|bench|runbooks|schema|examples)\/[\w./-]+)`/g
  return [...text.matchAll(pattern)].map((match) => match[1]!).filter((path) => !TO_BE_WRITTEN.includes(path))
}

/** `#a-heading` as GitHub makes it from a heading. */
const anchorsIn = (text: string) =>
  [...text.matchAll(/^#+ (.*)$/gm)].map((match) =>
    match[1]!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )

describe.each(pages)('%s', (page) => {
  const text = readFileSync(join(root, page), 'utf8')

  test('every path that it names exists', () => {
    expect(pathsIn(text).filter((path) => !existsSync(join(root, path)))).toEqual([])
  })

  test('every link within the repository leads somewhere', () => {
    const links = [...text.matchAll(/\]\((?!https?:)([^)\s]*)\)/g)].map((match) => match[1]!)
    const broken = links.filter((link) => {
      const [path, anchor] = link.split('#') as [string, string?]
      const file = path === '' ? join(root, page) : join(root, dirname(page), path)
      return !existsSync(file) || (anchor !== undefined && !anchorsIn(readFileSync(file, 'utf8')).includes(anchor))
    })
    expect(broken).toEqual([])
  })
})
