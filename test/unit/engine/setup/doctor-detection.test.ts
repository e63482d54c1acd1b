import { expect, test } from 'vitest'
import { detectionFindings } from '../../../../src/engine/setup/doctor-detection.ts'

const sampled = { runbook: 'stuck-runs', lastAt: new Date('2026-11-28T06:00:00Z'), isOverdue: false, pausedAt: null }

test('nothing is reported about runbooks that are sampled in time, or that a person paused', () => {
  const paused = { ...sampled, isOverdue: true, pausedAt: new Date('2026-11-28T05:00:00Z') }
  expect(detectionFindings([sampled, paused])).toEqual([])
})

test('an overdue schedule is a warning that says when the last sample was taken, and what to do', () => {
  expect(detectionFindings([sampled, { ...sampled, isOverdue: true }])).toEqual([
    {
      name: 'detection of stuck-runs',
      ok: true,
      warning: true,
      detail:
        'is overdue: the last sample is from 2026-11-28T06:00:00.000Z, so the symptom can be present without an incident',
      fix: expect.stringContaining('runbook worker'),
    },
  ])
  expect(detectionFindings([{ ...sampled, isOverdue: true, lastAt: null }])).toMatchObject([
    { detail: expect.stringContaining('no sample was ever stored') },
  ])
})
