import { formatDuration, MAX_DURATION_MS, parseDuration } from '../../core/duration.ts'
import { didYouMean } from '../../core/nearest.ts'
import type { Span } from '../parse/source.ts'
import { dataOf, describe, isEmpty } from '../parse/tree.ts'
import type { ScalarTree, Tree } from '../parse/tree.ts'
import type { Reporter } from '../problems.ts'
import { reportCutText } from './cut-text.ts'
import type { Form } from './form.ts'

const NAME = /^[a-z][a-z0-9-]{0,59}$/
const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]{0,59}$/

export type PlainForm = Exclude<Form, { section: unknown } | { listOf: unknown } | { named: unknown }>

/** Reads fields that hold values, not sections. Reports a malformed value and returns undefined. */
export class ValueReader {
  private readonly reporter: Reporter

  constructor(reporter: Reporter) {
    this.reporter = reporter
  }

  wrong(tree: Tree, message: string, at: Span = tree): undefined {
    this.reporter.error('wrong-form', tree.end > tree.start ? tree : at, message)
    return undefined
  }

  value(name: string, form: PlainForm, tree: Tree, at: Span): unknown {
    if (typeof form === 'string') return this.simple(name, form, tree, at)
    if ('names' in form) return this.names(name, form.names, tree, at)
    if ('oneOf' in form) return this.word(name, form.oneOf, tree, at, '')
    if ('nameOr' in form) return this.simple(name, 'name', tree, at)
    if ('int' in form) return this.int(name, form.int, tree, at)
    if ('bound' in form) return this.bound(name, tree, at)
    return tree.kind === 'list' ? dataOf(tree) : this.wrong(tree, `"${name}" must be a list.`, at)
  }

  private simple(name: string, form: Extract<Form, string>, tree: Tree, at: Span): unknown {
    switch (form) {
      case 'data':
        return dataOf(tree)
      case 'bool':
        return scalarOf(tree, 'boolean') ?? this.wrong(tree, `"${name}" must be true or false.${unquote(tree)}`, at)
      case 'expressions':
        return this.expressions(name, tree, at)
      case 'values':
      case 'results':
      case 'verdicts':
      case 'effects':
        return tree.kind === 'map' ? tree : this.wrong(tree, `"${name}" must hold names and values.`, at)
      case 'duration':
        return this.duration(name, tree, at)
      case 'condition':
      case 'list expression':
        return this.expression(name, tree, at)
      case 'template':
        if (tree.kind === 'scalar') reportCutText(this.reporter, `"${name}"`, tree)
        return scalarOf(tree, 'string') === undefined ? this.text(name, tree, at) : tree
      default: {
        const text = this.text(name, tree, at)
        if (form === 'string' && tree.kind === 'scalar') reportCutText(this.reporter, `"${name}"`, tree)
        if (text === undefined || form === 'string') return this.withoutTemplate(name, text, tree)
        return this.isNamed(name, form, text, tree) ? text : undefined
      }
    }
  }

  private text(name: string, tree: Tree, at: Span): string | undefined {
    const text = scalarOf(tree, 'string')
    if (text !== undefined && text.trim() !== '') return text
    const first = this.reporter.source.text[tree.start] ?? ''
    const quote = isEmpty(tree) || text !== undefined ? '' : quoteIt(tree, first)
    return this.wrong(tree, `"${name}" must be a string, but found ${describe(tree)}.${quote}`, at)
  }

  private withoutTemplate(name: string, text: string | undefined, tree: Tree): string | undefined {
    if (text === undefined || !text.includes('${{')) return text
    this.reporter.error('no-expression-here', tree, `"${name}" is used literally, so it cannot contain \${{ }}.`)
    return undefined
  }

  isNamed(name: string, form: 'name' | 'identifier', text: string, at: Span): boolean {
    if ((form === 'name' ? NAME : IDENTIFIER).test(text)) return true
    const rule = form === 'name' ? 'lower-case letters, digits and hyphens' : 'letters, digits and "_"'
    const bare = text.replace(/^#/, '')
    if (form === 'name' && bare !== text && NAME.test(bare)) {
      this.reporter.error('bad-name', at, `Write groups and channels without "#". Did you mean "${bare}"?`)
      return false
    }
    this.reporter.error(
      'bad-name',
      at,
      `"${text}" is not a valid name here: "${name}" takes up to 60 ${rule}, starting with a letter.`,
    )
    return false
  }

  private expression(name: string, tree: Tree, at: Span): Tree | undefined {
    if (tree.kind === 'scalar' && tree.value !== null) return tree
    if (tree.kind === 'map' && tree.flow) return this.wrong(tree, `"${name}" is an expression: put it in quotes.`, at)
    if (tree.kind === 'list')
      return this.wrong(tree, `"${name}" is an expression: put it in quotes if it begins with "[".`, at)
    return this.wrong(tree, `"${name}" must be an expression, but found ${describe(tree)}.`, at)
  }

  private expressions(name: string, tree: Tree, at: Span): Tree | undefined {
    if (tree.kind !== 'map') return this.wrong(tree, `"${name}" must hold names and expressions.`, at)
    for (const entry of tree.entries.values())
      if (this.isNamed(name, 'identifier', entry.name, entry.key)) this.expression(entry.name, entry.value, entry.key)
    return tree
  }

  private duration(name: string, tree: Tree, at: Span): number | undefined {
    const text = scalarOf(tree, 'string')
    const ms = text === undefined ? undefined : parseDuration(text)
    if (ms !== undefined && ms <= MAX_DURATION_MS) return ms
    if (ms !== undefined) {
      const message = `"${name}" must be at most ${formatDuration(MAX_DURATION_MS)}: timers cannot run longer.`
      this.reporter.error('bad-duration', tree, message)
      return undefined
    }
    const value = tree.kind === 'scalar' ? tree.value : null
    const unit = typeof value === 'number' && value > 0 ? ` Did you mean ${value}s or ${value}m?` : ''
    this.reporter.error(
      'bad-duration',
      tree.end > tree.start ? tree : at,
      `"${name}" must be a duration with its unit, such as 30s, 15m or 24h, and not 0.${unit}`,
    )
    return undefined
  }

  private bound(name: string, tree: Tree, at: Span): number | string | undefined {
    const text = scalarOf(tree, 'string')
    if (text !== undefined && parseDuration(text) !== undefined) return text
    const what = `"${name}" must be a number, or a duration such as 30s, 15m or 24h.`
    return scalarOf(tree, 'number') ?? this.wrong(tree, `${what}${unquote(tree)}`, at)
  }

  private int(name: string, { min, max }: { min: number; max: number }, tree: Tree, at: Span): number | undefined {
    const value = scalarOf(tree, 'number')
    if (value !== undefined && Number.isInteger(value) && value >= min && value <= max) return value
    const range = min === max ? `${min}` : `a whole number from ${min} to ${max}`
    return this.wrong(tree, `"${name}" must be ${range}.${unquote(tree)}`, at)
  }

  word(name: string, words: readonly string[], tree: Tree, at: Span, or: string): string | undefined {
    const text = scalarOf(tree, 'string')
    if (text !== undefined && words.includes(text)) return text
    const near = text === undefined ? '' : didYouMean(text, words)
    return this.wrong(tree, `"${name}" must be one of ${words.join(', ')}${or}.${near}`, at)
  }

  private names(name: string, form: 'name' | 'identifier', tree: Tree, at: Span): ScalarTree[] | undefined {
    const items = tree.kind === 'list' ? tree.items : [tree]
    const hash = items.find((item) => isHashName(item, this.reporter.source.text))
    if (hash) return this.wrong(hash, HASH_NAME, at)
    if (items.length === 0) return this.wrong(tree, `"${name}" must have at least one name.`, at)
    const named = items.filter((item): item is ScalarTree => {
      const text = this.text(name, item, at)
      return text !== undefined && this.isNamed(name, form, text, item)
    })
    return named
  }
}

function quoteIt(tree: Tree, first: string): string {
  if (tree.kind === 'scalar') return ' Put it in quotes.'
  return first === '{' || first === '[' ? ` If it is a string that begins with "${first}", put it in quotes.` : ''
}

/** A hint for a number or boolean in quotes, which make it a string. */
function unquote(tree: Tree): string {
  const text = tree.kind === 'scalar' && tree.style === 'quoted' ? String(tree.value) : ''
  return /^(true|false|[0-9.]+)$/.test(text) ? ' Write it without quotes.' : ''
}

const HASH_NAME =
  'YAML reads "#" as the start of a comment, so this value is empty. Write groups and channels without "#": to: [oncall].'

/** Whether a value is empty because its name begins with "#", so that YAML reads the name as a comment. */
function isHashName(tree: Tree, text: string): boolean {
  return isEmpty(tree) && /^:?[ \t]*#[a-z]/.test(text.slice(tree.end))
}

function scalarOf(tree: Tree, type: 'string'): string | undefined
function scalarOf(tree: Tree, type: 'number'): number | undefined
function scalarOf(tree: Tree, type: 'boolean'): boolean | undefined
function scalarOf(tree: Tree, type: string): unknown {
  return tree.kind === 'scalar' && typeof tree.value === type ? tree.value : undefined
}
