import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { includesRole, type Role } from '../../src/core/access.ts'
import { ACCESS } from '../../src/http/access.ts'
import { callRoute, UNKNOWN, type Credential } from './call-route.ts'
import { openRolesWorld, type RolesWorld } from './roles-world.ts'

/** Each has a role over the runbook `own-runs` only. The viewer has less than the grant, because of "role: viewer" under "people". */
const GRANTS = `access:
  - { role: admin, people: [lead] }
  - { role: operator, people: [operator], types: [own-run], connections: [db] }
  - { role: admin, people: [viewer], runbooks: [own-runs] }
`
const OVER_OWN: Record<string, Role | undefined> = { operator: 'operator', viewer: 'viewer', reader: undefined }

let world: RolesWorld
const own = { ...UNKNOWN, name: 'own-runs', runbook: 'own-runs' }
const hidden = { ...UNKNOWN, name: 'test-runs', runbook: 'test-runs' }
const missing = { ...UNKNOWN, name: 'none-such', runbook: 'none-such' }

beforeAll(async () => {
  world = await openRolesWorld(inject('stack'), GRANTS)
  own.id = await world.open('own-run')
  const { runbooks } = (await world.call('GET', '/v1/runbooks', { as: 'lead' })).json
  own.digest = runbooks.find(({ name }: { name: string }) => name === own.name).planDigest
  hidden.id = await world.open('test-run')
})
afterAll(() => world?.close())

/** What the answer says about the incident or the runbook, with the same name for each. */
function said({ status, text }: { status: number; text: string }) {
  const detail = /<p class="problem" role="alert">(.*?)<\/p>/s.exec(text)?.[1] ?? text
  return { status, detail: detail.replaceAll(/INC-\d+|test-runs|none-such/g, 'it') }
}

const withPerson = Object.entries(ACCESS).flatMap(([route, access]) => ('over' in access ? [{ route, ...access }] : []))
const over = (...scopes: string[]) => withPerson.filter((one) => scopes.includes(one.over))
const PEOPLE = Object.keys(OVER_OWN)

describe('what a person may not see', () => {
  test.each(over('incident', 'runbook'))('has the answer of what does not exist: $route', async ({ route, by }) => {
    for (const person of PEOPLE) {
      const credential = `${by} of ${person}` as Credential
      const answer = said(await callRoute(world, route, credential, hidden))
      expect({ person, ...answer }).toMatchObject({ person, status: 404, detail: expect.stringContaining('it') })
      expect({ person, ...answer }).toEqual({ person, ...said(await callRoute(world, route, credential, missing)) })
    }
  })
})

describe('what a person may see', () => {
  test.each(over('incident', 'runbook'))('needs the role of the route: $route', async ({ route, by, role }) => {
    for (const [person, held] of Object.entries(OVER_OWN)) {
      // A write that is allowed is not sent: it would change the incident of the next tests. Other tests send each of them.
      if (includesRole(held, role) && route.startsWith('POST')) continue
      const { status, text } = await callRoute(world, route, `${by} of ${person}` as Credential, own)
      // The answer to an allowed request can be an error about the rest of the path, such as evidence that does not exist.
      const isHidden =
        text.includes(`incident ${own.id} does not exist`) || /no runbook (\\"|&quot;)own-runs/.test(text)
      const isRefused = status === 401 || status === 403
      expect({ person, isHidden, isRefused }).toEqual({
        person,
        isHidden: held === undefined,
        isRefused: held !== undefined && !includesRole(held, role),
      })
    }
  })
})

describe('a role that is limited to one runbook', () => {
  test.each(over('everything'))('is not enough for the whole installation: $route', async ({ route, by }) => {
    for (const person of PEOPLE) {
      const { status } = await callRoute(world, route, `${by} of ${person}` as Credential)
      expect({ person, status }).toEqual({ person, status: 403 })
    }
    const { status } = await callRoute(world, route, `${by} of lead` as Credential)
    expect([401, 403]).not.toContain(status)
  })

  test.each(over('anything', 'self'))('is enough for a list and for oneself: $route', async (one) => {
    for (const [person, held] of Object.entries(OVER_OWN)) {
      const { status } = await callRoute(world, one.route, `${one.by} of ${person}` as Credential)
      const may = one.over === 'self' || includesRole(held, one.role)
      expect({ person, isRefused: status === 401 || status === 403 }).toEqual({ person, isRefused: !may })
    }
  })
})
