import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { sessionOf, signIn } from '../../src/engine/sessions.ts'
import { ACCESS, requireDeclarations, routesOf, type Access } from '../../src/http/access.ts'
import { createApi } from '../../src/http/api.ts'
import { FORM_TOKEN_FIELD } from '../../src/http/own-forms.ts'
import { openHttpWorld, type HttpWorld, type PersonName } from './http-world.ts'

let world: HttpWorld
beforeAll(async () => {
  world = await openHttpWorld(inject('stack'), {
    config: 'limits: { failedLoginsPerMinute: 100000, writesPerMinute: 100000 }\n',
  })
})
afterAll(() => world?.close())

/** The credentials that a caller can present. The lead is in every group that decides; the operator is in one; the viewer may only read. */
const CREDENTIALS = [
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
type Credential = (typeof CREDENTIALS)[number]

type Outcome = 'passes' | 'must authenticate' | 'is not allowed'

/** What the declaration promises to a caller with these credentials. */
function expected(access: Access, credential: Credential, isWrite: boolean): Outcome | 'asks for nothing' {
  if (access.by === 'anyone' || access.by === 'source') return 'asks for nothing'
  const isOfKind = credential.startsWith(`${access.by} of`)
  if (!isOfKind) return 'must authenticate'
  if (access.role === 'operator' && credential.includes('viewer')) return 'is not allowed'
  return isWrite && credential.includes('another session') ? 'is not allowed' : 'passes'
}

function outcomeOf(status: number, location: string | null): Outcome {
  if (status === 401 || (status === 303 && location?.startsWith('/sign-in?'))) return 'must authenticate'
  return status === 403 ? 'is not allowed' : 'passes'
}

async function call(route: string, credential: Credential) {
  const [method, pattern] = route.split(' ') as [string, string]
  const values: Record<string, string> = {
    id: 'INC-999999',
    ref: 'a'.repeat(64),
    digest: 'a'.repeat(64),
    source: 'generic',
  }
  const path = pattern.replaceAll(/:(\w+)/g, (_, name: string) => values[name] ?? 'unknown')
  const presented = await present(credential)
  const isForm = method === 'POST' && !path.startsWith('/v1/')
  const body = isForm ? new URLSearchParams({ [FORM_TOKEN_FIELD]: presented.formToken ?? '' }) : undefined
  const response = await fetch(`${world.api.url}${path}`, {
    method,
    redirect: 'manual',
    headers: { ...presented.headers, ...(isForm ? { 'sec-fetch-site': 'same-origin' } : {}) },
    ...(body ? { body } : {}),
  })
  await response.body?.cancel()
  return { status: response.status, location: response.headers.get('location') }
}

async function present(credential: Credential): Promise<{ headers: Record<string, string>; formToken?: string }> {
  if (credential === 'none') return { headers: {} }
  if (credential === 'wrong token') return { headers: { authorization: 'Bearer guessed' } }
  const person = /viewer|operator|lead/.exec(credential)![0] as PersonName
  if (credential.startsWith('token')) return { headers: { authorization: `Bearer ${world.tokens[person]}` } }
  const [{ value }, other] = [
    await signIn(world.engine, world.tokens[person]),
    await signIn(world.engine, world.tokens[person]),
  ]
  const { formToken } = (await sessionOf(world.engine, credential.includes('another') ? other.value : value))!
  if (credential.startsWith('expired')) await expireSessions()
  return { headers: { cookie: `runbook=${value}` }, formToken }
}

async function expireSessions(): Promise<void> {
  const client = new pg.Client({ connectionString: world.superuserUrl })
  await client.connect()
  await client.query("UPDATE runbook.sessions SET expires_at = clock_timestamp() - interval '1 second'")
  await client.end()
}

describe('every route lets exactly the declared callers pass', () => {
  test.each(Object.entries(ACCESS))('%s', async (route, access) => {
    const withoutAny = await call(route, 'none')
    for (const credential of CREDENTIALS) {
      const { status, location } = await call(route, credential)
      const wanted = expected(access, credential, route.startsWith('POST'))
      if (wanted === 'asks for nothing')
        expect({ credential, status }).toEqual({ credential, status: withoutAny.status })
      else expect({ credential, status, is: outcomeOf(status, location) }).toMatchObject({ credential, is: wanted })
    }
  })
})

test('the declarations are those of the routes that exist', () => {
  expect(routesOf(createApi(world.engine)).toSorted()).toEqual(Object.keys(ACCESS).toSorted())
})

test('the API does not start with a route that does not say who may call it', () => {
  const routes = [{ method: 'GET', path: '/v1/new', basePath: '/', handler: () => {} }]
  expect(() => requireDeclarations({ routes } as never)).toThrow(
    'these routes do not say who may call them: GET /v1/new',
  )
})

test('a viewer can call nothing that changes anything', () => {
  const HARMLESS = ['POST /v1/alerts/explain', 'POST /v1/sign-in-links', 'POST /sign-out', 'POST /sign-out-everywhere']
  const open = Object.entries(ACCESS)
    .filter(([route, access]) => !route.startsWith('GET') && 'role' in access && access.role === 'viewer')
    .map(([route]) => route)
  expect(open.sort()).toEqual(HARMLESS.sort())
  const withoutPerson = Object.entries(ACCESS).filter(([route, { by }]) => !route.startsWith('GET') && by === 'anyone')
  expect(withoutPerson.map(([route]) => route)).toEqual(['POST /sign-in', 'POST /sign-in/link'])
})
