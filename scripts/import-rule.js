import { readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join, relative, resolve } from 'node:path'

/**
 * oxlint rule `runbook/imports`: a file imports only what import-rules.json allows its folder. The longest entry that contains a file
 * is the one that applies to it. Within one entry every import is allowed; `types` adds what may be imported as a type only. `packages`
 * lists npm packages; "node" means all of Node's own modules.
 */
const root = join(import.meta.dirname, '..')
const ENTRIES = JSON.parse(readFileSync(join(root, 'import-rules.json'), 'utf8'))
const NAMES = Object.keys(ENTRIES).toSorted((a, b) => b.length - a.length)

/** The entry for a path that is relative to the root, or undefined. */
const entryOf = (path) => NAMES.find((name) => path === name || path.startsWith(`${name}/`))

const packageOf = (specifier) =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')

/**
 * @param {string} file relative to the root
 * @param {string} specifier as written in the import
 * @param {boolean} typeOnly
 * @returns {string | undefined} why the import is refused
 */
function refusal(file, specifier, typeOnly) {
  const from = entryOf(file)
  if (from === undefined)
    return `${dirname(file)} is not in import-rules.json. Add the folder with the folders that it may import.`
  const { imports, types = [], packages } = ENTRIES[from]
  if (!specifier.startsWith('.')) {
    const name = isBuiltin(specifier) ? 'node' : packageOf(specifier)
    if (packages.includes('*') || packages.includes(name)) return undefined
    return `${from} may not import ${name === 'node' ? "Node's modules" : `the package ${name}`} (import-rules.json).`
  }
  if (imports.includes('*')) return undefined
  const path = relative(root, resolve(root, dirname(file), specifier))
  const to = entryOf(path)
  if (to === from || imports.includes(to)) return undefined
  if (types.includes(to))
    return typeOnly ? undefined : `${from} may import only types from ${to} (import-rules.json): use "import type".`
  return `${from} may not import ${to ?? path} (import-rules.json). It may import: ${imports.join(', ') || 'no other folder'}.`
}

const imports = {
  meta: { type: 'problem', docs: { description: 'A file imports only what import-rules.json allows its folder.' } },
  create(context) {
    const file = relative(root, context.filename)
    // Files in the root folder are settings of tools, such as vitest.config.ts, and may import everything.
    if (dirname(file) === '.') return {}
    const check = (source, typeOnly) => {
      if (typeof source?.value !== 'string') return
      const message = refusal(file, source.value, typeOnly)
      if (message !== undefined) context.report({ node: source, message })
    }
    return {
      ImportDeclaration: (node) => check(node.source, node.importKind === 'type'),
      ExportNamedDeclaration: (node) => check(node.source, node.exportKind === 'type'),
      ExportAllDeclaration: (node) => check(node.source, node.exportKind === 'type'),
      ImportExpression: (node) => check(node.source, false),
      TSImportType: (node) => check(node.source ?? node.argument, true),
    }
  },
}

export default { meta: { name: 'runbook-imports' }, rules: { imports } }
