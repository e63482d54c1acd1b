import { parseDuration } from '../../core/duration.ts'
import { didYouMean } from '../../core/nearest.ts'
import type { Span } from '../parse/source.ts'
import { dataOf, describe, isNothing } from '../parse/tree.ts'
import type { ScalarTree, Tree } from '../parse/tree.ts'
import type { Reporter } from '../problems.ts'
import { reportCutText } from './cut-text.ts'
import type { Form } from './form.ts'

const NAME = /^[a-z][a-z0-9-]{0,59}$/
const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]{0,59}$/

export type PlainForm = Exclude<Form, { section: unknown } | { listOf: unknown } | { named: unknown }>

/** Reads what stands in a field and has no fields itself. What is malformed is reported, and undefined. */
export class ValueReader {
  private readonly reporter: Reporter

  constructor(reporter: Reporter) {
    this.reporter = reporter
  }

  wrong(tree: Tree, message: string, at: Span = tree): undefined {
    this.reporter.error('wrong-form', tree.end > tree.start ? tree : at, message)
    return undefined
  }

  /** A field whose form is none with fields beneath. */
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
      case 'values':
      case 'results':
      case 'verdicts':
      case 'fates':
        return tree.kind === 'map' ? tree : this.wrong(tree, `"${name}" must be names and values.`, at)
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
        if (form === 'text' && tree.kind === 'scalar') reportCutText(this.reporter, `"${name}"`, tree)
        if (text === undefined || form === 'text') return this.withoutTemplate(name, text, tree)
        return this.isNamed(name, form, text, tree) ? text : undefined
      }
    }
  }

  private text(name: string, tree: Tree, at: Span): string | undefined {
    const text = scalarOf(tree, 'string')
    if (text !== undefined && text.trim() !== '') return text
    const first = this.reporter.source.text[tree.start] ?? ''
    const quote = isNothing(tree) || text !== undefined ? '' : quoteIt(tree, first)
    return this.wrong(tree, `"${name}" must be a text, and there is ${describe(tree)}.${quote}`, at)
  }

  private withoutTemplate(name: string, text: string | undefined, tree: Tree): string | undefined {
    if (text === undefined || !text.includes('${{')) return text
    this.reporter.error('no-expression-here', tree, `"${name}" is taken as it stands: no \${{ }} may be in it.`)
    return undefined
  }

  isNamed(name: string, form: 'name' | 'identifier', text: string, at: Span): boolean {
    if ((form === 'name' ? NAME : IDENTIFIER).test(text)) return true
    const rule = form === 'name' ? 'lower-case letters, digits and hyphens' : 'letters, digits and "_"'
    const bare = text.replace(/^#/, '')
    if (form === 'name' && bare !== text && NAME.test(bare)) {
      this.reporter.error('bad-name', at, `Groups and channels are named without "#". Did you mean "${bare}"?`)
      return false
    }
    this.reporter.error(
      'bad-name',
      at,
      `"${text}" cannot be a name here: "${name}" takes ${rule}, first a letter, at most 60.`,
    )
    return false
  }

  private expression(name: string, tree: Tree, at: Span): Tree | undefined {
    if (tree.kind === 'scalar' && tree.value !== null) return tree
    if (tree.kind === 'map' && tree.flow) return this.wrong(tree, `"${name}" is an expression: put it in quotes.`, at)
    if (tree.kind === 'list')
      return this.wrong(tree, `"${name}" is an expression: a text that begins with "[" must be quoted.`, at)
    return this.wrong(tree, `"${name}" must be an expression, and there is ${describe(tree)}.`, at)
  }

  private duration(name: string, tree: Tree, at: Span): number | undefined {
    const text = scalarOf(tree, 'string')
    const ms = text === undefined ? undefined : parseDuration(text)
    if (ms !== undefined) return ms
    const value = tree.kind === 'scalar' ? tree.value : null
    const unit = typeof value === 'number' && value > 0 ? ` Did you mean ${value}s or ${value}m?` : ''
    this.reporter.error(
      'bad-duration',
      tree.end > tree.start ? tree : at,
      `"${name}" must be a duration with its unit, such as 30s, 15m, 24h, and never 0.${unit}`,
    )
    return undefined
  }

  private bound(name: string, tree: Tree, at: Span): number | string | undefined {
    const text = scalarOf(tree, 'string')
    if (text !== undefined && parseDuration(text) !== undefined) return text
    const what = `"${name}" must be a number, or a duration such as 30s, 15m, 24h.`
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
    return this.wrong(tree, `"${name}" must be ${words.join(', ')}${or}.${near}`, at)
  }

  private names(name: string, form: 'name' | 'identifier', tree: Tree, at: Span): ScalarTree[] | undefined {
    const items = tree.kind === 'list' ? tree.items : [tree]
    const signed = items.find((item) => isChannelSign(item, this.reporter.source.text))
    if (signed) return this.wrong(signed, CHANNEL_SIGN, at)
    if (items.length === 0) return this.wrong(tree, `"${name}" must name at least one.`, at)
    const named = items.filter((item): item is ScalarTree => {
      const text = this.text(name, item, at)
      return text !== undefined && this.isNamed(name, form, text, item)
    })
    return named
  }
}

function quoteIt(tree: Tree, first: string): string {
  if (tree.kind === 'scalar') return ' Put it in quotes.'
  return first === '{' || first === '[' ? ` If it is a text that begins with "${first}", quote it.` : ''
}

/** A number or truth value that was put in quotes is a text. */
function unquote(tree: Tree): string {
  const text = tree.kind === 'scalar' && tree.style === 'quoted' ? String(tree.value) : ''
  return /^(true|false|[0-9.]+)$/.test(text) ? ' Write it without quotes.' : ''
}

const CHANNEL_SIGN =
  'YAML takes what begins with "#" for a comment, so nothing stands here. Groups and channels are named without "#": to: [oncall].'

function isChannelSign(tree: Tree, text: string): boolean {
  return isNothing(tree) && /^:?[ \t]*#[a-z]/.test(text.slice(tree.end))
}

function scalarOf(tree: Tree, type: 'string'): string | undefined
function scalarOf(tree: Tree, type: 'number'): number | undefined
function scalarOf(tree: Tree, type: 'boolean'): boolean | undefined
function scalarOf(tree: Tree, type: string): unknown {
  return tree.kind === 'scalar' && typeof tree.value === type ? tree.value : undefined
}
