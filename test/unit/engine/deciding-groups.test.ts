import { expect, test } from 'vitest'
import { decidingGroups } from '../../../src/engine/deciding-groups.ts'
import { plan, remedy } from '../interpreter/plan-fixture.ts'

const escalatesTo = (group: string) => ({ escalate: { to: [group], message: { lit: '' } } })
const approval = {
  auto: false as const,
  by: ['leads'],
  count: 1,
  withinMs: 1,
  validForMs: 1,
  onTimeout: 'escalate' as const,
}
const mends = plan({ remedies: { mend: remedy('mend', { title: 'Mend', approval }) }, ...escalatesTo('platform') })
const diagnoses = plan({ remedies: {}, ...escalatesTo('network') })

test('the groups are those that approve and those that the runbooks escalate to, also of a runbook without remedies', () => {
  expect(decidingGroups([mends, diagnoses])).toEqual(['leads', 'network', 'platform'])
  expect(decidingGroups([diagnoses])).toEqual(['network'])
})

test('a runbook of which no remedy is concerned adds no groups', () => {
  expect(decidingGroups([mends, diagnoses], ({ title }) => title === 'Mend')).toEqual(['leads', 'platform'])
  expect(decidingGroups([mends, diagnoses], () => false)).toEqual([])
})
