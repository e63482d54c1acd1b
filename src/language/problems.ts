import type { Source, Span } from './parse/source.ts'
import type { Rule } from './rules.ts'

export type Severity = 'error' | 'warning'

/** A problem of a runbook or a scenario file. `rule` is stable; line and column count from 1. */
export interface Problem {
  file: string
  line: number
  column: number
  endLine: number
  endColumn: number
  rule: Rule
  severity: Severity
  message: string
  /** The line and a caret below the place, without colours. */
  frame: string
}

/** Collects the problems of one file, so that all of them are reported instead of only the first. */
export class Reporter {
  readonly problems: Problem[] = []
  readonly source: Source

  constructor(source: Source) {
    this.source = source
  }

  error(rule: Rule, at: Span, message: string): void {
    this.add('error', rule, at, message)
  }

  warning(rule: Rule, at: Span, message: string): void {
    this.add('warning', rule, at, message)
  }

  get hasErrors(): boolean {
    return this.problems.some((problem) => problem.severity === 'error')
  }

  private add(severity: Severity, rule: Rule, at: Span, message: string): void {
    const start = this.source.position(at.start)
    const end = this.source.position(Math.max(at.end, at.start + 1))
    this.problems.push({
      file: this.source.file,
      ...start,
      endLine: end.line,
      endColumn: end.column,
      rule,
      severity,
      message,
      frame: this.source.frame(at),
    })
  }
}

/** Sorted by file and place; at the same place, errors before warnings. */
export function sortProblems(problems: Problem[]): Problem[] {
  return problems.toSorted(
    (a, b) =>
      a.file.localeCompare(b.file) || a.line - b.line || a.column - b.column || a.severity.localeCompare(b.severity),
  )
}

export interface Colours {
  red(text: string): string
  yellow(text: string): string
  dim(text: string): string
  bold(text: string): string
}

const PLAIN: Colours = { red: (text) => text, yellow: (text) => text, dim: (text) => text, bold: (text) => text }

/**
 * The problems as text: place, message and rule on one line, then the code frame; a blank line between two problems.
 */
export function renderText(problems: Problem[], colours: Colours = PLAIN): string {
  return sortProblems(problems)
    .map((problem) => {
      const kind = problem.severity === 'error' ? colours.red('error') : colours.yellow('warning')
      const place = colours.bold(`${problem.file}:${problem.line}:${problem.column}`)
      return `${place} ${kind} ${problem.message} ${colours.dim(`[${problem.rule}]`)}\n${problem.frame}\n`
    })
    .join('\n')
}

/** The problems as a JSON array, in order. */
export function renderJson(problems: Problem[]): string {
  return JSON.stringify(sortProblems(problems), null, 2)
}

/** The problems as GitHub workflow commands, which GitHub shows as annotations next to the changed lines. */
export function renderGithub(problems: Problem[]): string {
  return sortProblems(problems)
    .map(({ severity, file, line, column, endLine, endColumn, rule, message }) => {
      const place = `file=${escapeProperty(file)},line=${line},col=${column},endLine=${endLine},endColumn=${endColumn}`
      return `::${severity} ${place},title=${escapeProperty(rule)}::${escapeData(message)}\n`
    })
    .join('')
}

function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C')
}
