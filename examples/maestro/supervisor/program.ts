import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MaestroError } from '../errors.ts'

export type Program = 'orchestrator' | 'worker' | 'ml-inference' | 'supervisor'

/** The built file of a program. The CLI's code may run from its TypeScript sources, as in tests; processes never do. */
export function programFile(program: Program): string {
  const here = fileURLToPath(import.meta.url)
  const maestro = resolve(dirname(here), '..')
  const build = here.endsWith('.ts') ? resolve(maestro, '..', '..', 'dist', 'examples', 'maestro') : maestro
  const file = join(build, program, 'main.js')
  if (!existsSync(file)) throw new MaestroError('failed', `${file} is missing: run "npm run build" first`)
  return file
}
