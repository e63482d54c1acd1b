import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MaestroError } from '../errors.ts'

export type Program = 'orchestrator' | 'worker' | 'ml-inference' | 'supervisor'

/** The built file of a program. Processes always run the build, even if the CLI runs from TypeScript sources, as in tests. */
export function programFile(program: Program): string {
  const here = fileURLToPath(import.meta.url)
  const maestro = resolve(dirname(here), '..')
  const build = here.endsWith('.ts') ? resolve(maestro, '..', '..', 'dist', 'examples', 'maestro') : maestro
  const file = join(build, program, 'main.js')
  if (!existsSync(file)) throw new MaestroError('failed', `${file} is missing: run "npm run build" first`)
  return file
}
