import type { Policy } from '../core/policy.ts'
import { defined } from '../core/defined.ts'
import type { ConfigFile } from './schema.ts'

/** The policy with the environment of each connection. */
export function assemblePolicy({ policy, environment, connections }: ConfigFile): Policy {
  const environments = Object.entries(connections).flatMap(([name, one]) =>
    one.environment === undefined ? [] : [[name, one.environment] as const],
  )
  return {
    rules: policy.map(({ match, ...rule }) => ({ ...rule, match: defined(match) })),
    environments: Object.fromEntries(environments),
    ...defined({ environment }),
  }
}

/** Names in the rules that the file does not define. A rule with a misspelled name would match nothing, and so protect nothing. */
export function unknownInPolicy({
  policy,
  environment,
  connections,
}: ConfigFile): { path: PropertyKey[]; message: string }[] {
  const environments = new Set([environment, ...Object.values(connections).map((one) => one.environment)])
  return policy.flatMap(({ match }, i) => [
    ...(match.connection ?? []).flatMap((name, at) =>
      Object.hasOwn(connections, name) ? [] : [unknown(['policy', i, 'match', 'connection', at], 'connection', name)],
    ),
    ...(match.environment ?? []).flatMap((name, at) =>
      environments.has(name) ? [] : [unknown(['policy', i, 'match', 'environment', at], 'environment', name)],
    ),
  ])
}

function unknown(path: PropertyKey[], what: string, name: string): { path: PropertyKey[]; message: string } {
  return { path, message: `${path.join('.')}: there is no ${what} "${name}"` }
}
