import pg from 'pg'
import { sessionOf, signIn } from '../../src/engine/sessions.ts'
import { FORM_TOKEN_FIELD } from '../../src/http/own-forms.ts'
import type { HttpWorld, PersonName } from './http-world.ts'

/** The credentials that a caller can present. The lead is in every group that decides; the operator is in one; the viewer may only read. */
export const CREDENTIALS = [
  'none',
  'wrong token',
  'token of viewer',
  'token of operator',
  'token of lead',
  'session of viewer',
  'session of operator',
  'session of lead',
  'expired session of lead',
  "session of lead with another session's form token",
] as const
/** `reader` belongs to no group. */
export type Credential = (typeof CREDENTIALS)[number] | 'token of reader' | 'session of reader'

/** Values of the parameters in a path that name nothing that exists. */
export const UNKNOWN = { id: 'INC-999999', ref: 'a'.repeat(64), digest: 'a'.repeat(64), source: 'generic' }

/** Calls a route with the credentials. `values`: the values of the parameters in its path. */
export async function callRoute(
  world: HttpWorld,
  route: string,
  credential: Credential,
  values: Record<string, string> = UNKNOWN,
) {
  const [method, pattern] = route.split(' ') as [string, string]
  const path = pattern.replaceAll(/:(\w+)/g, (_, name: string) => values[name] ?? 'unknown')
  const presented = await present(world, credential)
  const isForm = method === 'POST' && !path.startsWith('/v1/')
  const body = isForm ? new URLSearchParams({ [FORM_TOKEN_FIELD]: presented.formToken ?? '' }) : undefined
  const response = await fetch(`${world.api.url}${path}`, {
    method,
    redirect: 'manual',
    headers: { ...presented.headers, ...(isForm ? { 'sec-fetch-site': 'same-origin' } : {}) },
    ...(body ? { body } : {}),
  })
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false
  const text = isStream ? '' : await response.text()
  if (isStream) await response.body?.cancel()
  return { text, status: response.status, location: response.headers.get('location') }
}

async function present(
  world: HttpWorld,
  credential: Credential,
): Promise<{ headers: Record<string, string>; formToken?: string }> {
  if (credential === 'none') return { headers: {} }
  if (credential === 'wrong token') return { headers: { authorization: 'Bearer guessed' } }
  const person = /viewer|operator|lead|reader/.exec(credential)![0] as PersonName
  if (credential.startsWith('token')) return { headers: { authorization: `Bearer ${world.tokens[person]}` } }
  const [{ value }, other] = [
    await signIn(world.engine, world.tokens[person]),
    await signIn(world.engine, world.tokens[person]),
  ]
  const { formToken } = (await sessionOf(world.engine, credential.includes('another') ? other.value : value))!
  if (credential.startsWith('expired')) await expireSessions(world)
  return { headers: { cookie: `runbook=${value}` }, formToken }
}

async function expireSessions(world: HttpWorld): Promise<void> {
  const client = new pg.Client({ connectionString: world.superuserUrl })
  await client.connect()
  await client.query("UPDATE runbook.sessions SET expires_at = clock_timestamp() - interval '1 second'")
  await client.end()
}
