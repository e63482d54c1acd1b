import { expect, test } from 'vitest'
import type { AlertRule } from '../../../../src/config/config.ts'
import type { Alert } from '../../../../src/core/alert.ts'
import { matchAlert } from '../../../../src/engine/alerts/match-alert.ts'

const ALERT: Alert = {
  source: 'alertmanager',
  fingerprint: 'f1',
  status: 'firing',
  labels: { alertname: 'RunStuck', run_id: 'run-7', severity: 'page' },
  annotations: { threshold: '5m' },
  startsAt: '2026-03-14T03:10:37.000Z',
  url: null,
}
const STUCK: AlertRule = { match: { alertname: 'RunStuck' }, incident: 'stuck-run', inputs: { run: 'labels.run_id' } }
const PAGED: AlertRule = { match: { alertname: 'RunStuck', severity: 'page' }, incident: 'paged', inputs: {} }

test('the first rule whose labels all match counts', () => {
  expect(matchAlert([PAGED, STUCK], ALERT)).toEqual({ rule: PAGED, inputs: {} })
  expect(matchAlert([STUCK, PAGED], ALERT)).toEqual({ rule: STUCK, inputs: { run: 'run-7' } })
  expect(matchAlert([PAGED, STUCK], { ...ALERT, labels: { alertname: 'RunStuck', severity: 'info' } })).toEqual({
    rule: STUCK,
    inputs: {},
  })
})

test('inputs come from labels, annotations, the fingerprint, the time, or are constants', () => {
  const inputs = {
    run: 'labels.run_id',
    threshold: 'annotations.threshold',
    alert: 'fingerprint',
    since: 'startsAt',
    limit: { value: '3' },
    absent: 'labels.absent',
    inherited: 'labels.constructor',
  }
  expect(matchAlert([{ ...STUCK, inputs }], ALERT)).toMatchObject({
    inputs: { run: 'run-7', threshold: '5m', alert: 'f1', since: ALERT.startsAt, limit: '3' },
  })
})

test('where no rule matches, the reason names the nearest rule and the label that differs', () => {
  const other = { ...ALERT, labels: { alertname: 'RunStuck', severity: 'info' } }
  expect(matchAlert([{ ...STUCK, match: { alertname: 'Other', x: 'y' } }, PAGED], other)).toEqual({
    unmatched:
      'no rule under "alerts" matches. The nearest is alerts[1] (paged): it needs the label severity="page", and the alert has "info"',
  })
  expect(matchAlert([PAGED], { ...ALERT, labels: { alertname: 'RunStuck' } })).toEqual({
    unmatched: expect.stringContaining('the alert does not have that label'),
  })
  expect(matchAlert([], ALERT)).toEqual({ unmatched: expect.stringContaining('no rules') })
})
