import { expect, test } from 'vitest'
import { STEP_KINDS } from '../../../examples/maestro/worker/step-kinds/table.ts'
import { jobIdOf, STEP_TYPES, stepAfter, WORKFLOWS } from '../../../examples/maestro/workflows.ts'

test('every step type of every workflow has settings and an implementation', () => {
  const types = new Set(Object.values(WORKFLOWS).flatMap((steps) => steps.map((step) => step.type)))
  expect([...types].sort()).toEqual(Object.keys(STEP_TYPES).sort())
  expect([...types].sort()).toEqual(Object.keys(STEP_KINDS).sort())
})

test('each step has a successor except the last', () => {
  expect(stepAfter('video', 'fetch')).toEqual({ step: 'transcode', type: 'transcode' })
  expect(stepAfter('video', 'publish')).toBeUndefined()
})

test('each attempt has its own job id, without a colon', () => {
  expect(jobIdOf('run-1', 'fetch', 2)).toBe('run-1__fetch__a2')
})
