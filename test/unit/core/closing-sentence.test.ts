import { describe, expect, test } from 'vitest'
import {
  closingSentence,
  remediesDone,
  type RemedyDone,
  type RemedyEffect,
} from '../../../src/core/closing-sentence.ts'
import { OUTCOMES } from '../../../src/core/incident.ts'

const nothing: RemedyDone = {
  remedy: 'retry-jobs',
  applied: 0,
  refused: 0,
  unknown: 0,
  verified: null,
  unseen: false,
  manual: false,
}
const done = (more: Partial<RemedyDone>): RemedyDone => ({ ...nothing, ...more })

describe('the sentence of a closed incident', () => {
  test.each<[string, string, RemedyDone[], string]>([
    [
      'resolved',
      'the symptom is gone',
      [done({ applied: 3, verified: true })],
      'retry-jobs was applied to 3 targets and verified; the symptom is gone',
    ],
    [
      'resolved',
      'the runbook has no check of the symptom',
      [done({ applied: 1, verified: true })],
      'retry-jobs was applied to 1 target and verified; the runbook has no check of the symptom',
    ],
    [
      'resolved',
      'the symptom is gone',
      [done({ applied: 1, verified: true, unseen: true, manual: true })],
      'retry-jobs was reported as done (it has no verification); the symptom is gone',
    ],
    [
      'resolved',
      'the symptom is gone',
      [done({ applied: 1, verified: false }), done({ remedy: 'resume', applied: 1, verified: true })],
      'retry-jobs was applied to 1 target, and its verification did not hold; then resume was applied to 1 target and verified; the symptom is gone',
    ],
    ['cleared', 'the symptom is not present', [], 'the symptom is not present. Nothing was applied'],
    [
      'cleared',
      'the symptom is gone',
      [done({ applied: 1, verified: false })],
      'the symptom is gone. What was done: retry-jobs was applied to 1 target, and its verification did not hold. It is unknown whether the remedy helped',
    ],
    [
      'cleared',
      'the symptom is gone',
      [done({ refused: 2 })],
      'the symptom is gone. Nothing was applied: retry-jobs was refused for 2 targets',
    ],
    ['cancelled', 'cancelled by lead', [], 'cancelled by lead. Nothing was applied'],
    [
      'cancelled',
      'the incident was cancelled',
      [done({ applied: 30 })],
      'the incident was cancelled. What was done: retry-jobs was applied to 30 targets and not verified',
    ],
    [
      'cancelled',
      'the incident was cancelled',
      [done({ applied: 1, verified: true })],
      'the incident was cancelled. What was done: retry-jobs was applied to 1 target and verified',
    ],
    ['declined', 'lead rejected the proposal', [], 'lead rejected the proposal. Nothing was applied'],
    [
      'expired',
      'nobody decided',
      [done({ applied: 2, verified: false })],
      'nobody decided. What was done: retry-jobs was applied to 2 targets, and its verification did not hold',
    ],
    [
      'escalated',
      'check it.',
      [done({ applied: 2, unknown: 1, refused: 1 })],
      'check it. What was done: retry-jobs was applied to 2 targets and not verified, and it is unknown whether retry-jobs was applied to 1 target, and retry-jobs was refused for 1 target',
    ],
    [
      'failed',
      'its workflow was terminated',
      [done({ unknown: 1 })],
      'its workflow was terminated. What was done: it is unknown whether retry-jobs was applied to 1 target',
    ],
    ['no-action', 'a deployment runs', [], 'a deployment runs'],
    ['handed-off', 'handed to INC-2', [], 'handed to INC-2'],
    [
      'handed-off',
      'handed to INC-2',
      [done({ applied: 1, verified: false })],
      'handed to INC-2. What was done: retry-jobs was applied to 1 target, and its verification did not hold',
    ],
  ] as const)('%s: %s %#', (outcome, reason, rounds, sentence) => {
    expect(closingSentence(outcome as (typeof OUTCOMES)[number], reason, rounds)).toBe(sentence)
  })

  test('of every outcome never says that nothing was applied when something was, or may have been', () => {
    for (const outcome of OUTCOMES)
      for (const applied of [0, 2])
        for (const unknown of [0, 1])
          for (const refused of [0, 1])
            for (const verified of [null, true, false]) {
              const sentence = closingSentence(outcome, 'why', [done({ applied, unknown, refused, verified })])
              const touched = applied > 0 || unknown > 0
              expect(sentence.includes('Nothing was applied'), sentence).toBe(
                !touched && (refused > 0 || !['no-action', 'handed-off'].includes(outcome)),
              )
              expect(sentence.includes('was applied to 2 targets'), sentence).toBe(applied > 0)
              expect(sentence.includes('it is unknown whether'), sentence).toBe(unknown > 0)
              expect(sentence.includes(' and verified'), sentence).toBe(applied > 0 && verified === true)
              expect(sentence.includes('was refused for 1 target'), sentence).toBe(refused > 0)
            }
  })
})

describe('what the remedies did', () => {
  const effect = (round: number, action: string, target: string, result: RemedyEffect['result']): RemedyEffect => ({
    round,
    remedy: `remedy-${round}`,
    action,
    target,
    result,
  })

  test('is counted by round and target; a message to people is not a remedy', () => {
    const effects = [
      effect(1, '0-sql.update', 'a', 'applied'),
      effect(1, '1-bullmq.retry', 'a', 'refused'),
      effect(1, '0-sql.update', 'b', 'refused'),
      effect(1, '2-notify', '-', 'applied'),
      effect(2, '0-notify', '-', 'applied'),
      effect(3, '0-command', '-', 'unknown'),
    ]
    expect(remediesDone(effects, [{ round: 1, held: false }])).toEqual([
      done({ remedy: 'remedy-1', applied: 1, refused: 1, verified: false }),
      done({ remedy: 'remedy-3', unknown: 1 }),
    ])
  })

  test('is manual only if a person does all of it', () => {
    const manual = effect(1, '0-manual', '-', 'applied')
    expect(remediesDone([manual], [{ round: 1, held: true, unseen: true }])).toEqual([
      done({ remedy: 'remedy-1', applied: 1, verified: true, unseen: true, manual: true }),
    ])
    expect(remediesDone([manual, effect(1, '1-sql.update', 'a', 'applied')], [])[0]).toMatchObject({ manual: false })
  })
})
