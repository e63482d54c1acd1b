import { expect, test } from 'vitest'
import { main } from '../../../src/cli/main.ts'
import { signInHint } from '../../../src/cli/sign-in-link.ts'
import { fakeApi, sendProblem } from './fake-api.ts'
import { fakeTerminal } from './fake-terminal.ts'

const link = { path: '/sign-in/link?code=abc', expiresAt: '2026-03-14T03:20:40.000Z' }

test('sign-in prints the link of the person whose token is set', async () => {
  const { url, asked } = await fakeApi({ 'POST /v1/sign-in-links': () => link })
  const terminal = fakeTerminal({ env: { RUNBOOK_URL: url, RUNBOOK_TOKEN: 'secret' } })
  expect(await main(['sign-in'], terminal)).toBe(0)
  expect(terminal.out).toBe(`${url}/sign-in/link?code=abc\n`)
  expect(asked[0]!.headers.authorization).toBe('Bearer secret')
  const json = fakeTerminal({ env: { RUNBOOK_URL: url, RUNBOOK_TOKEN: 'secret' } })
  await main(['sign-in', '-o', 'json'], json)
  expect(JSON.parse(json.out)).toEqual({ url: `${url}/sign-in/link?code=abc`, expiresAt: link.expiresAt })
})

test('a server that starts prints a link, or the address when the token is of nobody', async () => {
  const { url } = await fakeApi({ 'POST /v1/sign-in-links': () => link })
  expect(await signInHint({ url, token: 'secret' })).toContain(`${url}/sign-in/link?code=abc `)
  expect(await signInHint({ url, token: undefined })).toBe(`${url}/   (sign in with your token)`)
  const refusing = await fakeApi({
    'POST /v1/sign-in-links': (_, response) => sendProblem(response, 401, 'RUNBOOK_NOT_AUTHENTICATED', 'unknown token'),
  })
  expect(await signInHint({ url: refusing.url, token: 'other' })).toBe(`${refusing.url}/   (sign in with your token)`)
})
