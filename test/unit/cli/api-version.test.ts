import { expect, test } from 'vitest'
import { main } from '../../../src/cli/main.ts'
import { ownVersion, VERSION_HEADER } from '../../../src/engine/own-version.ts'
import { fakeApi, sendProblem } from './fake-api.ts'
import { fakeTerminal } from './fake-terminal.ts'
import { atItsGate } from './incident-views.ts'

const own = ownVersion()

/** Runs a command against an API that names `version`, or none, and answers with `view`. */
async function run(argv: string[], version: string | null, view: unknown = atItsGate()) {
  const { url } = await fakeApi({
    'GET /v1/incidents/INC-142': (_, response) => {
      response.removeHeader(VERSION_HEADER)
      if (version !== null) response.setHeader(VERSION_HEADER, version)
      return view
    },
    'GET /v1/maintenance': (_, response) => {
      response.removeHeader(VERSION_HEADER)
      sendProblem(response, 404, 'RUNBOOK_NOT_FOUND', 'there is no GET /v1/maintenance')
    },
    'GET /v1/controls': (_, response) => {
      response.removeHeader(VERSION_HEADER)
      sendProblem(response, 401, 'RUNBOOK_NOT_AUTHENTICATED', 'the token is not known')
    },
  })
  const terminal = fakeTerminal({ env: { RUNBOOK_URL: url, RUNBOOK_TOKEN: 't' } })
  return { code: await main(argv, terminal), url, out: terminal.out, err: terminal.err }
}

/** The view of an older version, which has no rounds. */
function olderView(): unknown {
  const { rounds: _, ...rest } = atItsGate()
  return rest
}

test('nothing is said about an API of the same version', async () => {
  expect(await run(['show', '142'], own)).toMatchObject({ code: 0, err: '' })
})

test.each([
  ['another version', '9.9.9', 'has version 9.9.9'],
  ['no version', null, 'does not name its version, so it is an older one'],
  ['a version that is not one', '\u009b31m', 'does not name its version, so it is an older one'],
])('an API with %s is named with both versions, and its answer is shown', async (_, version, named) => {
  const { code, url, out, err } = await run(['show', '142'], version)
  expect(code).toBe(0)
  expect(out).toContain('INC-142')
  expect(err).toBe(
    `the API at ${url} ${named}, and this command has version ${own}: use the same version of both, because an answer may lack what the command needs\n`,
  )
})

test.each(['9.9.9', null])('an answer that lacks what the command needs names the versions (%s)', async (version) => {
  const { code, err } = await run(['show', '142'], version, olderView())
  expect(code).toBe(1)
  expect(err).toContain('error: the answer of the API could not be used (')
  expect(err.split('\n').at(-2)).toContain(`this command has version ${own}: use the same version of both`)
})

test('the same fault with an API of the same version stays as it is, because the version is not its cause', async () => {
  const { code, err } = await run(['show', '142'], own, olderView())
  expect(code).toBe(1)
  expect(err).not.toContain('version')
})

test('a route that the API does not have names the versions; a refused token says nothing about them', async () => {
  const missing = await run(['maintenance', 'list'], null)
  expect(missing.err).toContain('does not name its version')
  expect(missing.err).toContain('error: there is no GET /v1/maintenance')
  const refused = await run(['breaker', 'list'], null)
  expect(refused.err).not.toContain('version')
})
