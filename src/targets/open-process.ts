import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import type { ProcessConnection } from '../config/config.ts'
import { RunbookError } from '../core/errors.ts'
import type { ProcessTarget } from './targets.ts'

/**
 * The commands with the absolute paths of their programs, and the minimal environment that they get. Throws RunbookError `RUNBOOK_CONFIG`
 * for a program that does not exist.
 */
export function openProcess(connection: string, config: ProcessConnection): ProcessTarget {
  const path = process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin'
  const environment: Record<string, string> = {
    PATH: path,
    HOME: process.env.HOME ?? '/',
    LANG: process.env.LANG ?? 'C.UTF-8',
  }
  for (const [name, value] of Object.entries(config.environment)) environment[name] = value.reveal()
  const commands: Record<string, string[]> = {}
  for (const [name, [program = '', ...rest]] of Object.entries(config.commands)) {
    const found = findProgram(program, config.cwd, path)
    if (!found) {
      const where = program.includes('/') ? config.cwd : 'PATH'
      throw new RunbookError(
        'RUNBOOK_CONFIG',
        `connection ${connection}, command ${name}: no executable program "${program}" in ${where}`,
      )
    }
    commands[name] = [found, ...rest]
  }
  return { connection, cwd: config.cwd, commands, environment }
}

function findProgram(program: string, cwd: string, path: string): string | undefined {
  const folders = program.includes('/') ? [cwd] : path.split(delimiter).filter((folder) => folder.startsWith('/'))
  return folders
    .map((folder) => (program.includes('/') ? resolve(folder, program) : join(folder, program)))
    .find(executable)
}

function executable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}
