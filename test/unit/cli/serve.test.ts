import { expect, test } from 'vitest'
import { main } from '../../../src/cli/main.ts'
import { fakeTerminal } from './fake-terminal.ts'

test.each(['0.0.0.0', '::', '10.0.0.7', 'api.internal', '127.0.0.1.example.org'])(
  'serving %s, which other machines reach over plain HTTP, is refused unless it is said explicitly',
  async (host) => {
    const serve = async (options: string[], env = {}) => {
      const terminal = fakeTerminal({ env })
      await main(['serve', '--host', host, ...options], terminal)
      return terminal.err
    }
    const refused = `--host ${host}: other machines would send their tokens over plain HTTP`
    expect(await serve([])).toContain(refused)
    expect(await serve([], { RUNBOOK_PLAIN_HTTP: 'yes' })).toContain(refused)
    // The option is accepted: the command fails only later, because the configuration file is missing here.
    expect(await serve(['--plain-http'])).toContain('runbook.config.yaml')
    expect(await serve([], { RUNBOOK_PLAIN_HTTP: '1' })).toContain('runbook.config.yaml')
  },
)

test.each(['127.0.0.1', '127.0.0.53', 'localhost', '::1'])('serving %s is accepted', async (host) => {
  const terminal = fakeTerminal()
  await main(['serve', '--host', host], terminal)
  expect(terminal.err).toContain('runbook.config.yaml')
})
