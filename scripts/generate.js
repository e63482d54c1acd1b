import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensureInstalled } from './install.js'
import { root } from './run.js'

/** Writes every generated file that is out of date; scripts/generate/ lists them. Prints the path of each file that it writes. */
await ensureInstalled()
// Node 20 cannot import TypeScript; the server behind vitest can, without a build.
const { createViteServer } = await import('vitest/node')
const server = await createViteServer({
  root,
  configFile: false,
  appType: 'custom',
  logLevel: 'warn',
  server: { middlewareMode: true, watch: null, ws: false },
})
try {
  // The tables of kinds are written first, because the other files are generated from them.
  const { kindTables } = await server.ssrLoadModule('/scripts/generate/kind-tables.ts')
  for (const [path, text] of Object.entries(await kindTables())) write(path, text)
  const { GENERATED_FILES } = await server.ssrLoadModule('/scripts/generate/files.ts')
  for (const [path, generate] of Object.entries(GENERATED_FILES)) write(path, generate())
} finally {
  await server.close()
}

function write(path, text) {
  const file = join(root, path)
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return
  writeFileSync(file, text)
  console.log(`wrote ${path}`)
}
