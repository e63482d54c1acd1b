import { readFileSync } from 'node:fs'

interface ImportRule {
  meaning: string
  imports: string[]
  types?: string[]
  packages: string[]
}

const BEGIN = '<!-- Generated from import-rules.json by "npm run generate". -->\n'
const END = '<!-- End of the generated table. -->'

const file = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

/** ARCHITECTURE.md with its table of folders generated from import-rules.json; the rest of the text is kept. */
export function architecture(): string {
  const text = file('ARCHITECTURE.md')
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)]
  if (begin < 0 || end < begin) throw new Error(`ARCHITECTURE.md has no lines "${BEGIN.trim()}" and "${END}"`)
  return text.slice(0, begin) + BEGIN + importTable() + text.slice(end)
}

function importTable(): string {
  const rules = JSON.parse(file('import-rules.json')) as Record<string, ImportRule>
  const rows = Object.entries(rules).map(([folder, { meaning, imports, types = [], packages }]) => {
    const ours = [...imports.map(shortName), ...types.map((type) => `types of ${shortName(type)}`)]
    return `| \`${folder}\` | ${meaning} | ${list(ours)} | ${list(packages)} |`
  })
  return ['| folder | meaning | may import | packages |', '| --- | --- | --- | --- |', ...rows, ''].join('\n')
}

const shortName = (folder: string) => folder.replace(/^src\//, '')
const list = (names: string[]) => (names.length === 0 ? 'none' : names.join(', ').replace('*', 'anything'))
