import { Document, isMap, isScalar, isSeq, parse, parseDocument, visit, type YAMLMap, type YAMLSeq } from 'yaml'
import { isSameJson } from '../../core/canonical.ts'
import { RunbookError } from '../../core/errors.ts'
import { isJsonObject, type Json, type JsonObject } from '../../core/json.ts'
import type { Plan } from '../../core/plan.ts'
import { FORBIDDEN } from '../../language/parse/parse-yaml.ts'
import type { SharedFields } from '../../language/scenarios/needed-fields.ts'
import type { Review } from '../views/view-types.ts'
import { scenarioOf } from './scenario-of.ts'

/**
 * Makes a scenario file (YAML) from a real incident. The file is redacted only where the history is redacted, so review the results before
 * you commit the file. Throws `RUNBOOK_BAD_INPUT` for an incident that a scenario cannot express.
 */
export function scenarioFrom(review: Review, plan?: Plan): string {
  const { id, openedAt, runbook, planDigest } = review.incident
  const head = [
    '# yaml-language-server: $schema=../schema/scenarios.json',
    `# From ${id} of ${openedAt.slice(0, 10)}, runbook ${runbook}, plan ${planDigest.slice(0, 12)}.`,
  ]
  return `${head.join('\n')}\n${yamlOf({ version: 1, scenarios: [scenarioOf(review, plan)] })}`
}

/**
 * Returns the text of a scenario file with one more scenario at the end of its list. Everything else in the file, including comments, is
 * unchanged. Throws `RUNBOOK_BAD_INPUT` if the file is not a scenario file, or already has a scenario of this incident.
 */
export function appendScenario(text: string, file: string, review: Review, plan?: Plan): string {
  const list = scenarioList(text, file)
  const before = list.toJSON() as { scenario?: unknown }[]
  const { id } = review.incident
  const known = before.find(({ scenario }) => typeof scenario === 'string' && scenario.startsWith(`${id}: `))
  if (known)
    throw refuse(
      `${file} already has a scenario of ${id}: "${String(known.scenario)}". To write a new one, first remove this scenario from the file`,
    )
  const scenario = scenarioOf(review, plan, sharedIn(text))
  const at = list.range![2]
  const indent = ' '.repeat(columnOf(text, list.range![0]))
  const lines = yamlOf([scenario])
    .trimEnd()
    .split('\n')
    .map((line) => (line === '' ? '' : `${indent}${line}`))
  const head = text.slice(0, at).trimEnd()
  const tail = text.slice(at).trimStart()
  const joined = `${head}\n\n${lines.join('\n')}\n${tail === '' ? '' : `\n${tail}`}`
  requireAppended(joined, file, [...before, scenario] as Json)
  return joined
}

function scenarioList(text: string, file: string): YAMLSeq {
  const document = parseDocument(text)
  const list = isMap(document.contents) ? document.contents.get('scenarios') : undefined
  if (document.errors.length > 0 || !isSeq(list) || !list.range)
    throw refuse(`${file} has no list "scenarios" that can be read. Run "runbook lint ${file}"`)
  if (list.flow) throw refuse(`${file} has its scenarios in brackets. Write each of them with "- scenario:" first`)
  return list
}

/** What the file gives for all its scenarios. A check that is given as a list of phases shares nothing with a scenario of its own. */
function sharedIn(text: string): SharedFields {
  const { given } = parse(text) as { given?: Json }
  const objectsIn = (value: Json | undefined) =>
    Object.fromEntries(
      Object.entries(isJsonObject(value) ? value : {}).filter((one): one is [string, JsonObject] =>
        isJsonObject(one[1]),
      ),
    )
  return isJsonObject(given)
    ? { checks: objectsIn(given['checks']), rows: objectsIn(given['rows']) }
    : { checks: {}, rows: {} }
}

/** A comment or an unusual indentation could change the meaning of the new text. In that case nothing is written. */
function requireAppended(text: string, file: string, wanted: Json): void {
  const found = (parse(text) as { scenarios?: Json } | null)?.scenarios
  if (found === undefined || !isSameJson(found, wanted))
    throw refuse(
      `the scenario cannot be added to ${file} without changing the others. Print it without --append, and add it by hand`,
    )
}

function columnOf(text: string, offset: number): number {
  return offset - (text.lastIndexOf('\n', offset - 1) + 1)
}

const MAX_ONE_LINE = 90

function refuse(message: string): RunbookError {
  return new RunbookError('RUNBOOK_BAD_INPUT', message)
}

/**
 * The results of diagnosed systems may hold invisible characters and bidirectional control characters, which scenario files may not
 * contain. They are written as escapes such as `\\u202e`.
 */
function yamlOf(value: JsonObject | JsonObject[]): string {
  const document = new Document(value, { aliasDuplicateObjects: false })
  visit(document, {
    Map(_, map) {
      if (map.items.length > 0 && map.items.every((pair) => isScalar(pair.value)) && isShort(map)) map.flow = true
    },
    Scalar(_, scalar) {
      if (typeof scalar.value === 'string' && scalar.value.search(FORBIDDEN) >= 0) scalar.type = 'QUOTE_DOUBLE'
    },
  })
  return document
    .toString({ lineWidth: 120 })
    .replace(FORBIDDEN, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Whether a map fits on one line, as people write the rows of a result. */
function isShort(map: YAMLMap): boolean {
  return JSON.stringify(map.toJSON()).length <= MAX_ONE_LINE
}
