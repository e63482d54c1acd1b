import pg from 'pg'

/** One part of an execution plan, as EXPLAIN prints it in JSON. */
interface PlanNode {
  'Node Type': string
  'Relation Name'?: string
  'Index Name'?: string
  'Actual Rows'?: number
  'Actual Loops'?: number
  'Rows Removed by Filter'?: number
  'Rows Removed by Index Recheck'?: number
  Plans?: PlanNode[]
}

export interface Explained {
  text: string
  plan: PlanNode
}

/** Settings with which PostgreSQL sends the plan of each statement to its client, including statements inside functions. */
export const EXPLAIN_EVERYTHING = {
  session_preload_libraries: 'auto_explain',
  'auto_explain.log_min_duration': '0',
  'auto_explain.log_analyze': 'on',
  'auto_explain.log_timing': 'off',
  'auto_explain.log_nested_statements': 'on',
  'auto_explain.log_format': 'json',
  client_min_messages: 'log',
}

/** Collects the plans of all statements of this process's sessions that have those settings, until `stop`. */
export function watchPlans(): { explained: Explained[]; stop(): void } {
  const explained: Explained[] = []
  const { prototype } = pg.Client as unknown as { prototype: { emit(name: string, ...values: unknown[]): boolean } }
  const { emit } = prototype
  prototype.emit = function (name, ...values) {
    if (name === 'notice') explained.push(...explanationIn(values[0] as { message?: string }))
    return emit.call(this, name, ...values)
  }
  return { explained, stop: () => void (prototype.emit = emit) }
}

function explanationIn({ message = '' }: { message?: string }): Explained[] {
  if (!/^duration: [\d.]+ ms {2}plan:/.test(message)) return []
  const said = JSON.parse(message.slice(message.indexOf('{'))) as { 'Query Text': string; Plan: PlanNode }
  return [{ text: said['Query Text'], plan: said.Plan }]
}

/** Each read of a table in a plan: which table, how, and how many rows were read to find those that were wanted. */
export function readsOf({ plan }: Explained): { table: string; how: string; rows: number }[] {
  const reads: { table: string; how: string; rows: number }[] = []
  const visit = (node: PlanNode) => {
    const { 'Relation Name': table, 'Node Type': how, 'Index Name': index, 'Actual Loops': loops = 1 } = node
    const read =
      (node['Actual Rows'] ?? 0) + (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0)
    if (how !== 'ModifyTable' && table !== undefined)
      reads.push({ table, how: index ? `${how} of ${index}` : how, rows: read * loops })
    for (const child of node.Plans ?? []) visit(child)
  }
  visit(plan)
  return reads
}
