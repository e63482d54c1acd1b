import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MaestroError } from '../errors.ts'

export type Program = 'orchestrator' | 'worker' | 'ml-inference' | 'supervisor'

/**
 * The built file of a program. Maestro itself may run from its TypeScript sources (tests do), its processes never:
 * then they are taken from MAESTRO_BUILD, by default `dist/` of the repository.
 */
export function programFile(program: Program): string {
  const here = fileURLToPath(import.meta.url)
  const maestro = resolve(dirname(here), '..')
  const build = here.endsWith('.ts')
    ? join(process.env.MAESTRO_BUILD ?? resolve(maestro, '..', '..', 'dist'), 'examples', 'maestro')
    : maestro
  const file = join(build, program, 'main.js')
  if (!existsSync(file)) throw new MaestroError('failed', `${file} is missing: run "npm run build" first`)
  return file
}
