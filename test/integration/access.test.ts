import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { ACCESS, requireDeclarations, routesOf, type Access } from '../../src/http/access.ts'
import { createApi } from '../../src/http/api.ts'
import { callRoute, CREDENTIALS, type Credential } from './call-route.ts'
import { openHttpWorld, type HttpWorld } from './http-world.ts'

let world: HttpWorld
beforeAll(async () => {
  world = await openHttpWorld(inject('stack'), {
    config: 'limits: { failedLoginsPerMinute: 100000, writesPerMinute: 100000 }\n',
  })
})
afterAll(() => world?.close())

type Outcome = 'passes' | 'must authenticate' | 'is not allowed'

/** What the declaration promises to a caller with these credentials. */
function expected(access: Access, credential: Credential, isWrite: boolean): Outcome | 'asks for nothing' {
  if (access.by === 'anyone' || access.by === 'source') return 'asks for nothing'
  const isOfKind = credential.startsWith(`${access.by} of`)
  if (!isOfKind) return 'must authenticate'
  if (access.role !== 'viewer' && credential.includes('viewer')) return 'is not allowed'
  return isWrite && credential.includes('another session') ? 'is not allowed' : 'passes'
}

function outcomeOf(status: number, location: string | null): Outcome {
  if (status === 401 || (status === 303 && location?.startsWith('/sign-in?'))) return 'must authenticate'
  return status === 403 ? 'is not allowed' : 'passes'
}

describe('every route lets exactly the declared callers pass', () => {
  test.each(Object.entries(ACCESS))('%s', async (route, access) => {
    const withoutAny = await callRoute(world, route, 'none')
    for (const credential of CREDENTIALS) {
      const { status, location } = await callRoute(world, route, credential)
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

test('a route whose path names an incident or a runbook needs the role over exactly that', () => {
  const scopes = Object.entries(ACCESS).flatMap(([route, access]) => ('over' in access ? [{ route, ...access }] : []))
  const named = scopes.filter(({ route }) => /incidents\/:id|runbooks\/:name|detection\/:runbook/.test(route))
  expect(named.length).toBeGreaterThan(40)
  expect(named.filter(({ route, over }) => over !== (route.includes('/incidents/') ? 'incident' : 'runbook'))).toEqual(
    [],
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
