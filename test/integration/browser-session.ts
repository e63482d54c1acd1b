import type { HttpWorld, PersonName } from './http-world.ts'

/** What a browser keeps and sends: its cookie, and the form token of the last page. */
export interface BrowserSession {
  cookie: string
  formToken: string
  get(path: string, headers?: Record<string, string>): Promise<Answer>
  /** Sends a form of a page as a browser does. */
  post(path: string, fields?: Record<string, string | string[]>, headers?: Record<string, string>): Promise<Answer>
}

export interface Answer {
  status: number
  headers: Headers
  text: string
}

/** Signs a person in with the form of the sign-in page. */
export async function signIn(world: HttpWorld, person: PersonName): Promise<BrowserSession> {
  const answer = await postForm(world, '/sign-in', { token: world.tokens[person] })
  if (answer.status !== 303) throw new Error(`signing in was answered with ${answer.status}: ${answer.text}`)
  const cookie = answer.headers.getSetCookie()[0]!.split(';')[0]!
  const get = (path: string, headers = {}) => send(world, 'GET', path, { headers: { cookie, ...headers } })
  const formToken = formTokenOf((await get('/')).text)
  return {
    cookie,
    formToken,
    get,
    post: (path, fields = {}, headers = {}) => postForm(world, path, { formToken, ...fields }, { cookie, ...headers }),
  }
}

/** Sends a form from the same origin, without following the redirect. */
export function postForm(
  world: HttpWorld,
  path: string,
  fields: Record<string, string | string[]>,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const body = new URLSearchParams(
    Object.entries(fields).flatMap(([name, value]) => [value].flat().map((one): [string, string] => [name, one])),
  )
  return send(world, 'POST', path, { body, headers: { 'sec-fetch-site': 'same-origin', ...headers } })
}

async function send(world: HttpWorld, method: string, path: string, init: RequestInit): Promise<Answer> {
  const response = await fetch(`${world.api.url}${path}`, { method, redirect: 'manual', ...init })
  return { status: response.status, headers: response.headers, text: await response.text() }
}

function formTokenOf(page: string): string {
  const found = /name="formToken" value="([0-9a-f]{64})"/.exec(page)
  if (!found) throw new Error(`the page has no form: ${page}`)
  return found[1]!
}
