import pg from 'pg'
import { sha256Hex } from '../../src/core/canonical.ts'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { postForm, signIn } from './browser-session.ts'
import { openHttpWorld, openIncident, type HttpWorld } from './http-world.ts'

let world: HttpWorld
beforeAll(async () => {
  world = await openHttpWorld(inject('stack'), {
    config: 'environment: production\npages: { colour: red }\nlimits: { failedLoginsPerMinute: 20 }\n',
  })
})
afterAll(() => world?.close())

const get = (path: string, headers: Record<string, string> = {}) =>
  fetch(`${world.api.url}${path}`, { redirect: 'manual', headers })

test('without a session, a page leads to the sign-in page and from there back', async () => {
  const answer = await get('/incidents/INC-1?events=all')
  expect(answer.status).toBe(303)
  expect(answer.headers.get('location')).toBe(`/sign-in?next=${encodeURIComponent('/incidents/INC-1?events=all')}`)
  const page = await (await get(`/sign-in?next=${encodeURIComponent('/incidents/INC-1')}`)).text()
  expect(page).toContain('name="next" value="/incidents/INC-1"')
  const signedIn = await postForm(world, '/sign-in', { token: world.tokens.operator, next: '/incidents/INC-1' })
  expect(signedIn.headers.get('location')).toBe('/incidents/INC-1')
})

test.each(['https://elsewhere.example/', '//elsewhere.example', '/\\elsewhere.example', '/sign-out', 'javascript:1'])(
  'after signing in, nobody is sent to %s',
  async (next) => {
    const answer = await postForm(world, '/sign-in', { token: world.tokens.operator, next })
    expect(answer.headers.get('location')).toBe('/')
  },
)

test('the cookie cannot be read by scripts and is not sent from other sites; over HTTPS it belongs to this host alone', async () => {
  const local = await postForm(world, '/sign-in', { token: world.tokens.operator })
  expect(local.headers.getSetCookie()).toEqual([
    expect.stringMatching(/^runbook=[\w-]{43}; Max-Age=43200; Path=\/; HttpOnly; SameSite=Strict$/),
  ])
  const headers = { 'x-forwarded-proto': 'https' }
  const secure = await postForm(world, '/sign-in', { token: world.tokens.operator }, headers)
  const [cookie] = secure.headers.getSetCookie()
  expect(cookie).toMatch(/^__Host-runbook=[\w-]{43}; Max-Age=43200; Path=\/; HttpOnly; Secure; SameSite=Strict$/)
  const page = await get('/', { ...headers, cookie: cookie!.split(';')[0]! })
  expect(page.status).toBe(200)
  // The cookie of a connection without encryption does not count over HTTPS.
  const other = local.headers.getSetCookie()[0]!.split(';')[0]!
  expect((await get('/', { ...headers, cookie: other })).status).toBe(303)
})

test('the database holds only hashes of sessions and links', async () => {
  const { cookie } = await signIn(world, 'operator')
  const link = await world.call('POST', '/v1/sign-in-links')
  const code = link.json.path.split('code=')[1]
  const { rows } = await world.engine.database.query(
    'SELECT s::text AS row FROM runbook.sessions s UNION ALL SELECT l::text FROM runbook.sign_in_links l',
  )
  const stored = rows.map((one: { row: string }) => one.row).join('\n')
  expect(stored).toContain('operator')
  for (const secret of [cookie.split('=')[1]!, code, world.tokens.operator]) expect(stored).not.toContain(secret)
})

test('a session or a link that somebody else wrote into the database signs nobody in', async () => {
  const lead = await signIn(world, 'lead')
  await world.call('POST', '/v1/sign-in-links', { as: 'lead' })
  const { database } = world.engine
  const expiresAt = `clock_timestamp() + interval '1 hour'`
  // The forged rows have everything that rows of the same person have.
  await database.query(
    `INSERT INTO runbook.sessions (hash, person, credential, created_at, expires_at)
     SELECT $1, person, credential, created_at, ${expiresAt} FROM runbook.sessions WHERE person = 'lead' LIMIT 1`,
    [sha256Hex('forged-session')],
  )
  await database.query(
    `INSERT INTO runbook.sign_in_links (hash, person, credential, expires_at)
     SELECT $1, person, credential, ${expiresAt} FROM runbook.sign_in_links WHERE person = 'lead' LIMIT 1`,
    [sha256Hex('forged-link')],
  )
  expect((await lead.get('/')).status).toBe(200)
  expect((await get('/', { cookie: 'runbook=forged-session' })).status).toBe(303)
  expect((await postForm(world, '/sign-in/link', { code: 'forged-link' })).status).toBe(401)
})

test('a session of which somebody changed the time of the sign-in has ended', async () => {
  const session = await signIn(world, 'lead')
  const { database } = world.engine
  const hash = sha256Hex(session.cookie.split('=')[1]!)
  const { rows } = await database.query('DELETE FROM runbook.sessions WHERE hash = $1 RETURNING *', [hash])
  const put = (createdAt: string) =>
    database.query(
      `INSERT INTO runbook.sessions (hash, person, credential, created_at, expires_at) VALUES ($1, 'lead', $2, ${createdAt}, $4)`,
      [hash, rows[0].credential, rows[0].created_at, rows[0].expires_at],
    )
  await put('$3')
  expect((await session.get('/')).status).toBe(200)
  await database.query('DELETE FROM runbook.sessions WHERE hash = $1', [hash])
  await put(`$3::timestamptz + interval '1 hour'`)
  expect((await session.get('/')).status).toBe(303)
})

test('a page that is open ends its stream of events when the person signs out on another device', async () => {
  const [here, elsewhere] = [await signIn(world, 'lead'), await signIn(world, 'lead')]
  const id = await openIncident(world)
  const response = await fetch(`${world.api.url}/incidents/${id}/events`, { headers: { cookie: here.cookie } })
  expect(response.headers.get('content-type')).toContain('text/event-stream')
  const ended = response.text()
  expect((await elsewhere.post('/sign-out-everywhere')).status).toBe(303)
  expect(await ended).toContain('event: change')
  expect((await world.call('GET', `/v1/incidents/${id}`)).json.state).not.toBe('closed')
})

test('a sign-in link works once, and loading it uses nothing', async () => {
  const { json } = await world.call('POST', '/v1/sign-in-links', { as: 'reader' })
  const code = new URL(json.path, world.api.url).searchParams.get('code')!
  for (let i = 0; i < 2; i += 1) {
    const preview = await get(json.path)
    expect(preview.status).toBe(200)
    expect(preview.headers.getSetCookie()).toEqual([])
  }
  const both = await Promise.all([1, 2].map(() => postForm(world, '/sign-in/link', { code })))
  expect(both.map(({ status }) => status).sort()).toEqual([303, 401])
  const used = both.find(({ status }) => status === 303)!
  const page = await get('/', { cookie: used.headers.getSetCookie()[0]!.split(';')[0]! })
  expect(await page.text()).toContain('reader')
})

test('an expired session and an expired link are refused', async () => {
  const session = await signIn(world, 'operator')
  const { json } = await world.call('POST', '/v1/sign-in-links')
  const client = await superuser()
  await client.query("UPDATE runbook.sessions SET expires_at = clock_timestamp() - interval '1 second'")
  await client.query("UPDATE runbook.sign_in_links SET expires_at = clock_timestamp() - interval '1 second'")
  await client.end()
  expect((await session.get('/')).status).toBe(303)
  const code = new URL(json.path, world.api.url).searchParams.get('code')!
  expect((await postForm(world, '/sign-in/link', { code })).status).toBe(401)
})

test('signing out ends this session; signing out on all devices ends every session and link of the person', async () => {
  const [first, second, third, other] = [
    await signIn(world, 'operator'),
    await signIn(world, 'operator'),
    await signIn(world, 'operator'),
    await signIn(world, 'lead'),
  ]
  const { json } = await world.call('POST', '/v1/sign-in-links')
  const out = await first.post('/sign-out')
  expect(out.headers.get('location')).toBe('/sign-in')
  expect(out.headers.getSetCookie()[0]).toMatch(/^runbook=; Max-Age=0; Path=\//)
  expect((await first.get('/')).status).toBe(303)
  expect((await second.get('/')).status).toBe(200)
  await second.post('/sign-out-everywhere')
  expect((await third.get('/')).status).toBe(303)
  expect((await other.get('/')).status).toBe(200)
  const code = new URL(json.path, world.api.url).searchParams.get('code')!
  expect((await postForm(world, '/sign-in/link', { code })).status).toBe(401)
})

test.each([
  ['another site', { 'sec-fetch-site': 'cross-site' }],
  ['another host of the same site', { 'sec-fetch-site': 'same-site' }],
  ['an older browser on another site', { 'sec-fetch-site': '', origin: 'https://elsewhere.example' }],
])('a form from %s is refused, even the form to sign in', async (_, headers) => {
  const sent = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== ''))
  const answer = await fetch(`${world.api.url}/sign-in`, {
    method: 'POST',
    redirect: 'manual',
    headers: sent,
    body: new URLSearchParams({ token: world.tokens.operator }),
  })
  expect(answer.status).toBe(403)
  expect(answer.headers.getSetCookie()).toEqual([])
})

test('a form of an older browser, which sends only its origin, is accepted', async () => {
  const answer = await fetch(`${world.api.url}/sign-in`, {
    method: 'POST',
    redirect: 'manual',
    headers: { origin: world.api.url },
    body: new URLSearchParams({ token: world.tokens.operator }),
  })
  expect(answer.status).toBe(303)
})

test('a link of another site opens the page although the browser keeps the cookie back at first', async () => {
  const answer = await get('/incidents/INC-1?x=1', { 'sec-fetch-site': 'cross-site' })
  expect(answer.status).toBe(200)
  expect(await answer.text()).toContain('content="0; url=/incidents/INC-1?x=1&amp;opened=1"')
  const again = await get('/incidents/INC-1?x=1&opened=1', { 'sec-fetch-site': 'cross-site' })
  expect(again.headers.get('location')).toBe(`/sign-in?next=${encodeURIComponent('/incidents/INC-1?x=1')}`)
})

test('every page names the environment in its colour and allows no script or style of another origin', async () => {
  const session = await signIn(world, 'operator')
  const { text, headers } = await session.get('/')
  expect(text).toContain('class="bar red"')
  expect(text).toContain('<strong class="environment">production</strong>')
  const policy = headers.get('content-security-policy')!
  for (const rule of [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
  ])
    expect(policy).toContain(rule)
  expect(policy).not.toContain('unsafe')
  expect(text).not.toMatch(/ style=|<style|<script(?! type="module" src="\/assets\/)| on[a-z]+=/)
  for (const path of text.match(/\/assets\/[\w.]+/g)!) {
    const asset = await get(path)
    expect(asset.status, path).toBe(200)
    expect(asset.headers.get('cache-control')).toContain('immutable')
  }
})

test('a person who gets another token, or is removed, is signed out', async () => {
  const [operator, lead] = [await signIn(world, 'operator'), await signIn(world, 'lead')]
  const { engine } = world
  const { lead: _removed, ...people } = engine.people
  world.current.replace({
    ...engine,
    people: { ...people, operator: { ...people.operator!, tokenHash: 'f'.repeat(64) } },
  })
  expect((await operator.get('/')).status).toBe(303)
  expect((await lead.get('/')).status).toBe(303)
  world.current.replace(engine)
  expect((await operator.get('/')).status).toBe(200)
})

test('a wrong token is refused, and too many of them are limited', async () => {
  const first = await postForm(world, '/sign-in', { token: 'guessed' })
  expect(first.status).toBe(401)
  expect(first.text).toContain('This token belongs to nobody')
  expect(first.headers.getSetCookie()).toEqual([])
  const statuses = await Promise.all(
    Array.from({ length: 25 }, async () => (await postForm(world, '/sign-in', { token: 'guessed' })).status),
  )
  expect(statuses).toContain(429)
  // Somebody who guesses tokens does not prevent other people from signing in.
  await signIn(world, 'operator')
})

async function superuser() {
  const client = new pg.Client({ connectionString: world.superuserUrl })
  await client.connect()
  return client
}
