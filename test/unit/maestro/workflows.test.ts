import { expect, test } from 'vitest'
import { STEP_KINDS } from '../../../examples/maestro/worker/step-kinds/table.ts'
import { jobIdOf, STEP_TYPES, stepAfter, WORKFLOWS } from '../../../examples/maestro/workflows.ts'

test('every step of every workflow has settings and code for its type', () => {
  const types = new Set(Object.values(WORKFLOWS).flatMap((steps) => steps.map((step) => step.type)))
  expect([...types].sort()).toEqual(Object.keys(STEP_TYPES).sort())
  expect([...types].sort()).toEqual(Object.keys(STEP_KINDS).sort())
})

test('a workflow goes from step to step and ends after the last', () => {
  expect(stepAfter('video', 'fetch')).toEqual({ step: 'transcode', type: 'transcode' })
  expect(stepAfter('video', 'publish')).toBeUndefined()
})

test('each attempt has a job id of its own that BullMQ accepts', () => {
  expect(jobIdOf('run-1', 'fetch', 2)).toBe('run-1__fetch__a2')
})
