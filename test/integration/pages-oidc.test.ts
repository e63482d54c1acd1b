import { generateKeyPairSync } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, SignJWT } from 'jose'
import { sha256Hex } from '../../src/core/canonical.ts'
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import { resolveSecret } from '../../src/config/secret.ts'
import { startSignInProvider, type SignInProvider } from '../support/sign-in-provider.ts'
import { openHttpWorld, openIncident, openTestGate, type HttpWorld } from './http-world.ts'

const URL_OF_PAGES = 'http://127.0.0.1:18080'
const CALLBACK = `${URL_OF_PAGES}/sign-in/oidc/callback`

let provider: SignInProvider
let world: HttpWorld
beforeAll(async () => {
  provider = await startSignInProvider([
    { id: 'runbook', secret: 'a secret of the client', redirectUri: CALLBACK },
    { id: 'other', secret: 'another secret', redirectUri: CALLBACK },
  ])
  world = await openHttpWorld(inject('stack'), {
    config: `url: ${URL_OF_PAGES}
limits: { failedLoginsPerMinute: 1000 }
oidc:
  issuer: ${provider.issuer}
  audience: runbook-api
  jwks: ${provider.jwks}
  groups: { oncall: [sre] }
  signIn: { clientId: runbook, clientSecret: "\${CLIENT_SECRET}", scopes: [openid, groups], label: Example ID }
`,
    env: { CLIENT_SECRET: 'a secret of the client' },
  })
})
afterAll(async () => {
  await world?.close()
  await provider?.stop()
})
afterEach(() => {
  world.current.replace(world.engine)
  provider.person = 'ada'
})

/** A browser that keeps cookies of each host and follows no redirect by itself. */
function newBrowser() {
  const jars = new Map<string, Map<string, string>>()
  const open = async (address: string, init: RequestInit = {}) => {
    // The configured address of the pages leads to the API of this test.
    const url = address.replace(URL_OF_PAGES, world.api.url)
    const { host } = new URL(url)
    const jar = jars.get(host) ?? new Map<string, string>()
    jars.set(host, jar)
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const headers = { ...(init.headers as Record<string, string>), ...(cookie ? { cookie } : {}) }
    const response = await fetch(url, { redirect: 'manual', ...init, headers })
    for (const text of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(text)!
      if (value === '' || /max-age=0/i.test(text)) jar.delete(name!)
      else jar.set(name!, value!)
    }
    const location = response.headers.get('location')
    return {
      status: response.status,
      headers: response.headers,
      text: await response.text(),
      location: location === null ? undefined : new URL(location, url).href,
    }
  }
  const own = (path: string, init?: RequestInit) => open(`${world.api.url}${path}`, init)
  /** Signs in at the provider, and returns the address to which the provider sends the browser back. */
  const untilCallback = async (from: string): Promise<string> => {
    let address = from
    for (let i = 0; i < 10; i += 1) {
      if (address.startsWith(CALLBACK)) return address
      const { location, text } = await open(address)
      if (location === undefined) throw new Error(`${address} led nowhere: ${text}`)
      address = location
    }
    throw new Error('the provider did not come to an end')
  }
  return { open, own, untilCallback }
}

type TestBrowser = ReturnType<typeof newBrowser>

const begin = async (browser: TestBrowser, next = '/status') =>
  (await browser.own(`/sign-in/oidc?next=${encodeURIComponent(next)}`)).location!

async function signedIn(person = 'ada'): Promise<TestBrowser> {
  provider.person = person
  const browser = newBrowser()
  await browser.open(await browser.untilCallback(await begin(browser)))
  return browser
}

/** The problem that the answer names, after which the browser has no session. */
async function refusalOf(browser: TestBrowser, { status, text }: { status: number; text: string }): Promise<string> {
  expect(status).toBe(401)
  expect((await browser.own('/')).status).toBe(303)
  return /role="alert">([^<]*)/.exec(text)![1]!
}

const sessions = async () =>
  Number((await world.engine.database.query('SELECT count(*) AS n FROM runbook.sessions')).rows[0].n)

test('a session that somebody else wrote into the database signs nobody in', async () => {
  const browser = await signedIn()
  await world.engine.database.query(
    `INSERT INTO runbook.sessions (hash, person, credential, identity, created_at, expires_at)
     SELECT $1, person, credential, identity, created_at, clock_timestamp() + interval '1 hour' FROM runbook.sessions
     WHERE identity IS NOT NULL LIMIT 1`,
    [sha256Hex('forged-session')],
  )
  expect((await browser.own('/')).status).toBe(200)
  const headers = { cookie: 'runbook=forged-session' }
  expect((await fetch(`${world.api.url}/`, { headers, redirect: 'manual' })).status).toBe(303)
})

describe('signing in', () => {
  test('a person signs in at the provider and is led to the page that was wanted', async () => {
    const page = await newBrowser().own(`/sign-in?next=${encodeURIComponent('/status')}`)
    expect(page.text).toContain(`href="/sign-in/oidc?next=${encodeURIComponent('/status')}"`)
    expect(page.text).toContain('Sign in with Example ID')
    const browser = newBrowser()
    const begun = new URL(await begin(browser))
    expect(Object.fromEntries(begun.searchParams)).toMatchObject({
      response_type: 'code',
      client_id: 'runbook',
      code_challenge_method: 'S256',
      redirect_uri: CALLBACK,
      state: expect.stringMatching(/^[\w-]{43}$/),
      nonce: expect.stringMatching(/^[\w-]{43}$/),
    })
    const back = await browser.open(await browser.untilCallback(begun.href))
    expect(back.status).toBe(200)
    expect(back.text).toContain('content="0; url=/status?opened=1"')
    const status = await browser.own('/status?opened=1')
    expect(status.status).toBe(200)
    expect(status.text).toContain('<summary>ada</summary>')
  })

  test('the groups of the provider decide what the person may approve, and a change of the configuration counts at once', async () => {
    const id = await openIncident(world)
    await openTestGate(world, id)
    const browser = await signedIn()
    expect((await browser.own(`/incidents/${id}`)).text).toContain(`action="/incidents/${id}/approve"`)
    const { engine } = world
    const oidc = { ...engine.config.oidc!, groups: {} }
    world.current.replace({ ...engine, config: { ...engine.config, oidc } })
    const page = await browser.own(`/incidents/${id}`)
    expect(page.text).toContain('You may not approve this')
  })

  test('a configured person with a login is that person', async () => {
    world.engine.people.operator!.login = 'olga'
    const browser = await signedIn('olga')
    expect((await browser.own('/')).text).toContain('<summary>operator</summary>')
    delete world.engine.people.operator!.login
    expect((await browser.own('/')).status).toBe(303)
  })

  test('a name that belongs to a configured person without a login is refused', async () => {
    provider.person = 'lead'
    const browser = newBrowser()
    const answer = await browser.open(await browser.untilCallback(await begin(browser)))
    expect(await refusalOf(browser, answer)).toContain('lead is also a configured person without a login')
  })

  test('signing out on all devices ends the sessions of the provider too', async () => {
    const [one, other] = [await signedIn(), await signedIn()]
    const [, formToken] = /name="formToken" value="(\w+)"/.exec((await one.own('/')).text)!
    await one.own('/sign-out-everywhere', {
      method: 'POST',
      headers: { 'sec-fetch-site': 'same-origin' },
      body: new URLSearchParams({ formToken: formToken! }),
    })
    expect((await other.own('/')).status).toBe(303)
  })

  test.each([
    ['another client', { clientId: 'renamed' }],
    ['no sign-in', undefined],
  ])('a session ends when the configuration names %s', async (_, change) => {
    const browser = await signedIn()
    const { engine } = world
    const { signIn, ...rest } = engine.config.oidc!
    const oidc = change ? { ...rest, signIn: { ...signIn!, ...change } } : rest
    world.current.replace({ ...engine, config: { ...engine.config, oidc } })
    expect((await browser.own('/')).status).toBe(303)
  })
})

describe('what is refused', () => {
  test('an answer with another state', async () => {
    const browser = newBrowser()
    const back = new URL(await browser.untilCallback(await begin(browser)))
    back.searchParams.set('state', 'a'.repeat(43))
    expect(await refusalOf(browser, await browser.open(back.href))).toContain('state')
  })

  test('an answer in another browser, so that nobody can be signed in as somebody else', async () => {
    const [attacker, victim] = [newBrowser(), newBrowser()]
    const back = await attacker.untilCallback(await begin(attacker))
    expect(await refusalOf(victim, await victim.open(back))).toContain('was not begun in this browser')
    await begin(victim)
    expect(await refusalOf(victim, await victim.open(back))).toContain('state')
  })

  test('an answer that is used twice, by the browser and by the provider', async () => {
    const browser = newBrowser()
    const begun = await browser.own('/sign-in/oidc')
    const back = await browser.untilCallback(begun.location!)
    const before = await sessions()
    expect((await browser.open(back)).status).toBe(200)
    expect((await browser.open(back)).text).toContain('was not begun in this browser')
    // A stolen cookie does not help, because the provider gives tokens for a code only once.
    const kept = begun.headers.getSetCookie()[0]!.split(';')[0]!
    const replayed = await fetch(back.replace(URL_OF_PAGES, world.api.url), {
      redirect: 'manual',
      headers: { cookie: kept },
    })
    expect(replayed.status).toBe(401)
    expect(await replayed.text()).toContain('invalid_grant')
    expect(await sessions()).toBe(before + 1)
  })

  test('a code that the provider gave to another application', async () => {
    const browser = newBrowser()
    const begun = new URL(await begin(browser))
    begun.searchParams.set('client_id', 'other')
    const answer = await browser.open(await browser.untilCallback(begun.href))
    expect(await refusalOf(browser, answer)).toContain('invalid_grant')
  })

  test('a code for which the browser has no verifier', async () => {
    const browser = newBrowser()
    const begun = new URL(await begin(browser))
    begun.searchParams.set('code_challenge', 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM')
    const answer = await browser.open(await browser.untilCallback(begun.href))
    expect(await refusalOf(browser, answer)).toContain('invalid_grant')
  })

  test('an error of the provider; its text is not shown', async () => {
    const browser = newBrowser()
    const state = new URL(await begin(browser)).searchParams.get('state')
    const query = new URLSearchParams({
      ...{ error: 'access_denied', error_description: 'call 555-0100 now', state: state!, iss: provider.issuer },
    })
    const answer = await browser.own(`/sign-in/oidc/callback?${query}`)
    expect(answer.text).not.toContain('555')
    expect(await refusalOf(browser, answer)).toContain('access_denied')
  })

  test.each(['https://elsewhere.example/', '//elsewhere.example', '/\\elsewhere.example', '/sign-out'])(
    'nobody is sent to %s afterwards',
    async (next) => {
      const browser = newBrowser()
      const back = await browser.open(await browser.untilCallback(await begin(browser, next)))
      expect(back.text).toContain('content="0; url=/?opened=1"')
    },
  )

  test('a path of another site that somebody put into the kept sign-in is not followed', async () => {
    const browser = newBrowser()
    const begun = await browser.own('/sign-in/oidc')
    const [name, value] = begun.headers.getSetCookie()[0]!.split(';')[0]!.split('=') as [string, string]
    const kept = { ...JSON.parse(Buffer.from(value, 'base64url').toString()), next: 'https://elsewhere.example/' }
    const back = await browser.untilCallback(begun.location!)
    const cookie = `${name}=${Buffer.from(JSON.stringify(kept)).toString('base64url')}`
    const answer = await fetch(back.replace(URL_OF_PAGES, world.api.url), { headers: { cookie } })
    expect(await answer.text()).toContain('content="0; url=/?opened=1"')
  })

  test('a provider that does not answer: the page says so and still offers the token', async () => {
    // A replaced engine has not asked the provider yet.
    world.current.replace({ ...world.engine })
    await provider.stop()
    const down = await newBrowser().own('/sign-in/oidc')
    await provider.start()
    expect(down.status).toBe(503)
    expect(down.text).toContain('Sign in with your token, or try again later.')
    expect((await newBrowser().own('/sign-in/oidc')).status).toBe(303)
  })

  test('a provider that stops before it is asked for the tokens', async () => {
    const browser = newBrowser()
    const back = await browser.untilCallback(await begin(browser))
    await provider.stop()
    const answer = await browser.open(back)
    await provider.start()
    expect(answer.status).toBe(503)
    expect((await browser.own('/')).status).toBe(303)
  })

  test('a wrong secret of the engine is an error of the configuration', async () => {
    const { engine } = world
    const { signIn, ...rest } = engine.config.oidc!
    const clientSecret = resolveSecret('${CLIENT_SECRET}', 'the sign-in with OIDC', { CLIENT_SECRET: 'wrong' })
    world.current.replace({
      ...engine,
      config: { ...engine.config, oidc: { ...rest, signIn: { ...signIn!, clientSecret } } },
    })
    const browser = newBrowser()
    const answer = await browser.open(await browser.untilCallback(await begin(browser)))
    expect(answer.status).toBe(500)
    expect(answer.text).toContain('check oidc.signIn.clientId and clientSecret')
  })
})

describe('an ID token that is not right', () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const foreign = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  let server: Server
  let issuer: string
  let answer: { claims: Record<string, unknown>; key: typeof privateKey; alg?: string } = {
    claims: {},
    key: privateKey,
  }

  /** A provider that gives out whatever ID token the test wants. */
  beforeAll(async () => {
    const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', use: 'sig', alg: 'RS256' }
    server = createServer(async (request, response) => {
      const now = Math.floor(Date.now() / 1000)
      const usual = { iss: issuer, aud: 'runbook', sub: 'ada', iat: now, exp: now + 60, groups: ['sre'] }
      const bodies: Record<string, unknown> = {
        '/.well-known/openid-configuration': {
          issuer,
          authorization_endpoint: `${issuer}/authorize`,
          token_endpoint: `${issuer}/token`,
          jwks_uri: 'http://127.0.0.1:1/not-ours',
        },
        '/keys': { keys: [jwk] },
        '/token': {
          access_token: 'x',
          token_type: 'bearer',
          id_token: await new SignJWT({ ...usual, ...answer.claims })
            .setProtectedHeader({ alg: 'RS256', kid: 'k1' })
            .sign(answer.key),
        },
      }
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(bodies[request.url!] ?? {}))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => server.close())

  async function answered(change: (nonce: string) => typeof answer) {
    const { engine } = world
    const oidc = { ...engine.config.oidc!, issuer, jwks: `${issuer}/keys` }
    world.current.replace({ ...engine, config: { ...engine.config, oidc } })
    const browser = newBrowser()
    const { searchParams } = new URL(await begin(browser))
    answer = change(searchParams.get('nonce')!)
    const result = await browser.own(`/sign-in/oidc/callback?code=c&state=${searchParams.get('state')!}`)
    return { browser, result }
  }

  test('one that is right is accepted, with the keys of the configured address', async () => {
    const { result } = await answered((nonce) => ({ claims: { nonce }, key: privateKey }))
    expect(result.text).toContain('opened=1')
  })

  const past = () => Math.floor(Date.now() / 1000) - 3_600
  test.each<[string, (nonce: string) => typeof answer]>([
    ['for another audience', (nonce) => ({ claims: { nonce, aud: 'another' }, key: privateKey })],
    ['of another issuer', (nonce) => ({ claims: { nonce, iss: 'https://elsewhere.example' }, key: privateKey })],
    ['with the nonce of another sign-in', () => ({ claims: { nonce: 'another' }, key: privateKey })],
    ['without a nonce', () => ({ claims: {}, key: privateKey })],
    ['signed by another key', (nonce) => ({ claims: { nonce }, key: foreign })],
    ['that has expired', (nonce) => ({ claims: { nonce, exp: past() }, key: privateKey })],
    ['without a name', (nonce) => ({ claims: { nonce, sub: 'two words' }, key: privateKey })],
  ])('one %s', async (_, change) => {
    const before = await sessions()
    const { browser, result } = await answered(change)
    expect(await refusalOf(browser, result)).toContain('is refused')
    expect(await sessions()).toBe(before)
  })
})

test('without a configured sign-in, the page does not offer it', async () => {
  const { engine } = world
  const { oidc: _, ...config } = engine.config
  world.current.replace({ ...engine, config })
  expect((await newBrowser().own('/sign-in')).text).not.toContain('/sign-in/oidc')
  expect((await newBrowser().own('/sign-in/oidc')).status).toBe(404)
})
