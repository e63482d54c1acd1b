import type { Config, HookCredentials } from '../../config/config.ts'
import type { Secret } from '../../config/secret.ts'
import { newPassword } from '../../engine/setup/provision.ts'
import { newSigningKey } from '../../gate/keyring.ts'

export interface Credentials {
  /** The variables to set, with their values. */
  env: Record<string, string>
  /** What was created, and the variable that holds it, as text for people. It contains no values. */
  made: string[]
}

/**
 * Creates the signing key, the tokens of people and the passwords of alert sources for which the configuration names a variable that is not
 * set. Secrets that somebody else issues, such as the addresses of systems and channels, are not created. `environment` has the variables
 * that are set.
 */
export function makeCredentials(config: Config, environment: Record<string, string | undefined>): Credentials {
  const made: Credentials = { env: {}, made: [] }
  const add = (variable: string | undefined, what: string, create: () => string) => {
    if (variable === undefined || environment[variable] || made.env[variable] !== undefined) return
    made.env[variable] = create()
    made.made.push(`${what} (${variable})`)
  }
  add(config.signing.key.variable, 'the signing key', newSigningKey)
  for (const [name, { tokenReference }] of Object.entries(config.people))
    add(variableIn(tokenReference), `a token for ${name}`, newPassword)
  for (const [source, credentials] of Object.entries(config.hooks))
    add(ourSecret(credentials)?.variable, `a token for alerts of ${source}`, newPassword)
  const token = environment.RUNBOOK_TOKEN || tokenOfCommands(config, { ...environment, ...made.env })
  return token ? { ...made, env: { ...made.env, RUNBOOK_TOKEN: token } } : made
}

/**
 * The token with which commands in this folder call the API: the token of the first person whose variable holds the token itself and not
 * its hash.
 */
function tokenOfCommands({ people }: Config, environment: Record<string, string | undefined>): string | undefined {
  return Object.values(people)
    .map(({ tokenReference }) => environment[variableIn(tokenReference) ?? ''])
    .find((value) => value !== undefined && value !== '' && !value.startsWith('sha256:'))
}

function variableIn(reference: string | undefined): string | undefined {
  return /^\$\{(\w+)\}$/.exec(reference ?? '')?.[1]
}

/**
 * The variable of the secret, if the source of alerts sends the secret itself. A secret for signatures is chosen by the service that sends
 * the alerts.
 */
function ourSecret(credentials: HookCredentials): Secret | undefined {
  if (credentials.by === 'bearer') return credentials.token
  return credentials.by === 'basic' ? credentials.password : undefined
}
