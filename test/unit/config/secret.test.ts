import { expect, test } from 'vitest'
import { scrubSecrets } from '../../../src/config/secret.ts'

test.each([
  'connect to postgres://u:hunter2@h:5432/d failed',
  'redis://:hunter2@h:6379',
  'postgres://u:p@ss:hunter2@h/d',
  'https://h/x?token=hunter2&a=b',
  'Authorization: Bearer hunter2hunter2',
  'POST https://hooks.slack.com/services/hunter2',
])('%s loses its secret and nothing else that helps', (text) => {
  const scrubbed = scrubSecrets(text)
  expect(scrubbed).not.toContain('hunter2')
  expect(scrubbed).toContain('***')
})

test('a message without a secret stays as it is', () => {
  const text = 'connect ECONNREFUSED 127.0.0.1:5432 (postgres://u@h:5432/d)'
  expect(scrubSecrets(text)).toBe(text)
})
