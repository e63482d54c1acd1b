import { describe, expect, test } from 'vitest'
import pc from 'picocolors'
import stringWidth from 'string-width'
import { showInFull, showLines } from '../../../../src/cli/render/show.ts'
import { watchFrame } from '../../../../src/cli/render/watch-frame.ts'
import { atItsGate, NOW, resolved, roundAtGate } from '../incident-views.ts'

const page = { width: 80, colours: pc.createColors(false), now: NOW, interactive: true }

describe('one incident on one screen', () => {
  test('with an open proposal it shows causes, actions, targets and the commands to decide', () => {
    expect(showLines(atItsGate(), page).join('\n')).toBe(
      `INC-142  stuck-run  deciding
open for 2m 03s · opened by operator · key stuck-run/

6 checks: stuckRuns 3 rows, jobs 3 rows, queue, blockers 0 rows, redis, runLogs
timed out
 ✓ stalled-nobody-checks  3 runs hold a job without a lock while 2 workers are
                          up, and nobody checks
 ? hung-await             check runLogs timed out
 ✗ queue-paused, workers-killed, redis-out-of-memory, blocked-in-postgres,
   enqueue-lost, event-loop-blocked, slow-but-progressing

Proposal: Mark the stalled runs FAILED, so that recovery restarts them
 sql.update in runs of maestro-db
   status RUNNING → FAILED, failure_reason null → Stalled
   for run-7, run-8, run-9
 risk medium · 3 targets · needs 1 approval from oncall · expires in 13m 00s
 gate INC-142.r1 · digest 3f9ac01b22d4

 approve:  runbook approve INC-142
 reject:   runbook reject INC-142 --comment "why"`,
    )
  })

  test.each([
    ['after the treated one holds', true, true],
    ['after the treated one is undetermined', 'undetermined' as const, false],
    ['after the treated one does not hold', false, false],
  ])('it offers --next-cause only if a cause %s', (_, holds, isOffered) => {
    const round = roundAtGate()
    const causes = round.causes.map((one) => (one.cause === 'hung-await' ? { ...one, holds } : one))
    const text = showLines(atItsGate({ rounds: [{ ...round, causes }] }), page).join('\n')
    expect(text.includes('or with --next-cause, to try the next cause that holds')).toBe(isOffered)
  })

  test('it does not offer --next-cause for a cause that was passed over before the treated one', () => {
    const round = roundAtGate()
    const causes = round.causes.map((one) => (one.cause === 'queue-paused' ? { ...one, holds: true as const } : one))
    expect(showLines(atItsGate({ rounds: [{ ...round, causes }] }), page).join('\n')).not.toContain('--next-cause')
  })

  test('it says that the runbook has changed since, or is not loaded any more', () => {
    const text = (view: Parameters<typeof showLines>[0]) => showLines(view, page).join(' ')
    expect(text({ ...atItsGate(), runbookNow: 'same' })).toBe(text(atItsGate()))
    const open = text({ ...atItsGate(), runbookNow: 'changed' })
    expect(open).toContain('The runbook has changed since: this incident keeps its old version')
    expect(text({ ...resolved(), runbookNow: 'changed' })).toContain('"runbook retry" uses the new version')
    expect(text({ ...atItsGate(), runbookNow: 'removed' })).toContain('is not loaded any more')
  })

  test('it says why nobody can approve the proposal', () => {
    const text = showLines({ ...atItsGate(), cannotApprove: 'policy rule "two" now demands 2 people' }, page).join('\n')
    expect(text).toContain('Nobody can approve this: policy rule "two" now demands 2 people')
    expect(text).toContain('3 targets · nobody can approve it')
    expect(text).toContain(' cancel:   runbook cancel INC-142 --comment "why"')
    expect(text).not.toMatch(/runbook approve|needs 1 approval/)
  })

  test('in a pipe the commands contain the digest, because approve cannot ask', () => {
    const lines = showLines(atItsGate(), { ...page, interactive: false })
    expect(lines.at(-2)).toBe(' approve:  runbook approve INC-142 --digest 3f9ac01b22d4')
  })

  test('an earlier round names the cause that was treated, although one before it holds too', () => {
    const round = roundAtGate()
    const causes = round.causes.map((one) => (one.cause === 'queue-paused' ? { ...one, holds: true as const } : one))
    const view = atItsGate({
      rounds: [
        { ...round, causes },
        { ...round, round: 2 },
      ],
    })
    expect(showLines(view, page).join('\n')).toContain('Round 1: stalled-nobody-checks → fail-stalled-runs')
  })

  test('it names the incidents that were opened from it', () => {
    const children = [{ id: 'INC-150', type: 'undo', state: 'closed' as const, outcome: 'resolved' as const }]
    expect(showLines({ ...resolved(), children }, page)).toContain('Followed by INC-150 (undo, resolved)')
  })

  test('in a narrow window the time that is left is on the next line, not cut', () => {
    const text = showLines(atItsGate(), { ...page, width: 60 })
      .join(' ')
      .replace(/\s+/g, ' ')
    expect(text).toContain('needs 1 approval from oncall · expires in 13m 00s')
  })

  test('when it is closed it shows the outcome, the result for each target, and the verification', () => {
    const text = showLines(resolved(), page).join('\n')
    expect(text).toContain('INC-142  stuck-run  closed: resolved')
    expect(text).toContain('Round 1: stalled-nobody-checks → fail-stalled-runs, 1 applied, did not help')
    expect(text).toContain(' approved by operator at 03:12:50Z: as last week')
    expect(text).toContain(
      ' applied   run-8  1 row of runs\n skipped   run-9  no longer affected\n verified: the remedy helped',
    )
    expect(text).not.toContain('runbook approve')
  })

  test('a rejected proposal shows who rejected it, and no targets', () => {
    const decisions = [{ ...resolved().rounds[0]!.gate!.decisions[0]!, decision: 'reject' as const, comment: 'a test' }]
    const rounds = [roundAtGate(['run-7'], { state: 'rejected', decisions })]
    const lines = showLines(atItsGate({ state: 'closed', outcome: 'declined', rounds }), page)
    expect(lines.at(-1)).toBe(' rejected by operator at 03:12:50Z: a test')
  })

  test.each([1, 3, 20])('fits 24 lines of 80 columns with %i targets', (count) => {
    const runs = Array.from({ length: count }, (_, i) => `run-with-a-rather-long-name-${i}`)
    const lines = showLines(atItsGate({ rounds: [roundAtGate(runs)] }), page)
    expect(lines.length).toBeLessThanOrEqual(24)
    expect(Math.max(...lines.map((text) => stringWidth(text)))).toBeLessThanOrEqual(80)
  })

  test('targets with different changes are on separate lines', () => {
    const round = roundAtGate(['run-7', 'run-8'])
    round.gate!.proposal.actions[1]!.preview.rows![0]!.before.status = 'RETRY'
    const text = showLines(atItsGate({ rounds: [round] }), page).join('\n')
    expect(text).toContain('   status RUNNING → FAILED, failure_reason null → Stalled\n   for run-7\n')
    expect(text).toContain('   status RETRY → FAILED, failure_reason null → Stalled\n   for run-8\n')
  })

  test('a command is shown with its argv', () => {
    const round = roundAtGate(['-'])
    round.gate!.proposal.actions = [
      {
        id: '0-process.run',
        kind: 'process.run',
        access: 'write',
        target: '-',
        with: { connection: 'maestro-ctl', command: 'restart' },
        preview: {
          summary: 'run restart of maestro-ctl',
          rows: [{ before: {}, after: { argv: ['npm', 'run', 'x'] } }],
        },
      },
    ]
    const text = showLines(atItsGate({ rounds: [round] }), page).join('\n')
    expect(text).toContain(' process.run on maestro-ctl\n   $ npm run x\n risk medium · needs 1 approval')
  })

  test('what is in the way is shown before the commands to approve, with the time that is left', () => {
    const obstacle = {
      reason: 'cooldown' as const,
      targets: ['run-7'],
      message: 'fail-stalled-runs was applied to run-7 less than its cooldown of 5m ago',
      endsAt: new Date(NOW + 90_000).toISOString(),
    }
    const lines = showLines(atItsGate({ rounds: [roundAtGate(['run-7'], { obstacles: [obstacle] })] }), page)
    const at = lines.indexOf(' ! fail-stalled-runs was applied to run-7 less than its cooldown of 5m ago, for')
    expect(lines.slice(at, at + 2)[1]).toBe(' another 1m 30s')
    expect(at).toBeLessThan(lines.findIndex((one) => one.includes('runbook approve')))
  })

  test('a proposal without an approval says why: a person does it, or the configuration allows it', () => {
    const round = roundAtGate(['run-7'], { state: 'approved', auto: true })
    const lastLines = (kind: string) => {
      const gate = round.gate!
      const actions = gate.proposal.actions.map((action) => ({ ...action, kind }))
      const one = { ...round, gate: { ...gate, proposal: { ...gate.proposal, actions } } }
      return showLines(atItsGate({ rounds: [one] }), page).join('\n')
    }
    expect(lastLines('manual')).toContain(' needs no approval: the engine changes nothing itself')
    expect(lastLines('sql.update')).toContain(' needs no approval: the configuration allows it (auto)')
  })

  test('why a check failed is shown, because the causes that read it cannot be judged', () => {
    const round = roundAtGate()
    const failed = { ...round.checks[0]!, status: 'failed' as const, error: 'APP_DB_READ is not set' }
    const lines = showLines(atItsGate({ rounds: [{ ...round, checks: [failed, ...round.checks.slice(1)] }] }), page)
    expect(lines).toContain(' ! stuckRuns failed: APP_DB_READ is not set')
  })

  describe('shows the outcome of every target, and why', () => {
    const WHY =
      'permission denied for table runs: the role "maestro_write" needs UPDATE on status and failure_reason of runs; run "runbook connection prepare maestro-db"'
    const state = (key: string, one: 'applied' | 'refused' | 'unknown' | 'permitted') => ({
      key,
      state: one,
      why: null,
    })
    const effect = (target: string, result: 'applied' | 'refused' | 'unknown', detail: string) => ({
      action: '0-sql.update',
      target,
      result,
      detail,
      at: resolved().rounds[1]!.effects[0]!.at,
    })
    const approved = (keys: string[]) => roundAtGate(keys, { state: 'approved', decisions: [] })

    test('in the last round a refusal is shown in full', () => {
      const round = {
        ...approved(['run-7', 'run-8']),
        targets: [state('run-7', 'refused'), state('run-8', 'applied')],
        effects: [effect('run-7', 'refused', WHY), effect('run-8', 'applied', '1 row of runs')],
      }
      const lines = showLines(atItsGate({ state: 'verifying', rounds: [round] }), page)
      const text = lines.map((one) => one.trim()).join(' ')
      expect(text).toContain(`refused   run-7  ${WHY}`)
      expect(text).toContain('applied   run-8  1 row of runs')
      for (const one of lines) expect(stringWidth(one)).toBeLessThanOrEqual(80)
    })

    test('an earlier round whose targets were all refused says so, with the reason', () => {
      const round = {
        ...approved(['run-7', 'run-8']),
        targets: [state('run-7', 'refused'), state('run-8', 'refused')],
        effects: [effect('run-7', 'refused', WHY), effect('run-8', 'refused', WHY)],
      }
      const text = showLines(atItsGate({ rounds: [round, { ...roundAtGate(), round: 2 }] }), page).join(' ')
      expect(text).toContain('Round 1: stalled-nobody-checks → fail-stalled-runs, 2 refused. run-7: permission')
      expect(text).not.toContain('approved')
    })

    test('of many targets the refused and unknown ones come first, and the others are counted by state', () => {
      const keys = Array.from({ length: 30 }, (_, i) => `run-${i}`)
      const round = {
        ...approved(keys),
        targets: keys.map((key, i) => state(key, i === 28 ? 'refused' : i === 29 ? 'unknown' : 'applied')),
        effects: keys.map((key, i) =>
          i === 28
            ? effect(key, 'refused', 'locked')
            : i === 29
              ? effect(key, 'unknown', 'its worker ended')
              : effect(key, 'applied', '1 row'),
        ),
      }
      const lines = showLines(atItsGate({ state: 'verifying', rounds: [round] }), page)
      expect(lines.slice(-6)).toEqual([
        ' unknown   run-29  its worker ended',
        ' refused   run-28  locked',
        ' applied   run-0  1 row',
        ' applied   run-1  1 row',
        ' applied   run-2  1 row',
        ' … and 25 more: 25 applied',
      ])
    })

    test('a remedy without a verification is not shown as verified', () => {
      const round = { ...approved(['run-7']), targets: [state('run-7', 'applied')], unverifiable: true }
      const closed = atItsGate({ state: 'closed', outcome: 'resolved', rounds: [round] })
      expect(showLines(closed, page).at(-1)).toBe(' not verified: the remedy has no verification')
    })
  })

  describe('a manual step that waits for a person', () => {
    const step = {
      gate: 'INC-142.r1',
      action: '0-manual',
      target: '-',
      since: '2026-03-14T03:12:10.000Z',
      until: '2026-03-14T04:12:40.000Z',
      instructions: 'Roll the release back',
      form: { version: 'Which version runs now?' },
    }
    const waiting = (change: Partial<typeof step> = {}) =>
      atItsGate({
        state: 'applying',
        rounds: [roundAtGate(['-'], { state: 'approved' })],
        manualSteps: [{ ...step, ...change }],
      })

    test('shows what to do, until when, what will be asked, and the commands', () => {
      const text = showLines(waiting(), page).join('\n')
      expect(text).toContain(`Waits for a person, until 04:12:40Z, 1h 00m left
   Roll the release back
   ? version: Which version runs now?
 done:      runbook done INC-142
 not done:  runbook done INC-142 --not --comment "why"`)
      expect(showInFull(waiting(), page).join('\n')).toContain('runbook done INC-142')
    })

    test('in a pipe the command has the answers, because done cannot ask; it names a target in words that a shell keeps', () => {
      const text = showLines(waiting({ target: "it's a/b" }), { ...page, interactive: false }).join('\n')
      expect(text).toContain(`runbook done INC-142 --step '0-manual/it'\\''s a/b' --form version=…`)
    })

    test('is named on the status line of watch', () => {
      const frame = watchFrame(waiting(), { latest: [], problem: undefined, page, height: 40 })
      expect(frame.at(-1)).toContain('waits for a person: runbook done INC-142')
    })
  })

  test('an action that ran once is listed in addition to the targets', () => {
    const view = resolved()
    const last = view.rounds[1]!
    last.effects.push({
      action: '1-notify',
      target: '-',
      result: 'skipped',
      detail: 'not delivered',
      at: last.effects[0]!.at,
    })
    const text = showLines(view, page).join('\n')
    expect(text).toContain(' skipped   notify  not delivered\n applied   run-7  1 row of runs\n')
    Object.assign(last.effects.at(-1)!, { result: 'applied', detail: 'notified oncall' })
    expect(showLines(view, page).join('\n')).toContain(' sent      notify  notified oncall\n')
  })

  test('a long value is cut on one screen, and complete with --full', () => {
    const round = roundAtGate(['run-7'])
    const reason = 'Connection refused: ml-inference at 127.0.0.1'
    round.gate!.proposal.actions[0]!.preview.rows![0]!.before.failure_reason = reason
    const view = atItsGate({ rounds: [round] })
    const flat = (lines: string[]) => lines.join(' ').replace(/\s+/g, ' ')
    expect(flat(showLines(view, page))).toContain('failure_reason Connection refused: ml-infere… → Stalled')
    expect(flat(showInFull(view, page))).toContain(`failure_reason ${reason} → Stalled`)
  })

  test('text from the diagnosed system cannot move the cursor or hide other text', () => {
    const view = atItsGate({ reason: 'a\u001b[2Jb\u202ec\nd' })
    view.rounds[0]!.causes[5]!.because = '\u001b]0;title\u0007'
    const text = showLines(view, page).join('\n')
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/)
    expect(text).toContain('a\\u{1b}[2Jb\\u{202e}c d')
  })

  test('--full shows every statement, its undo and the whole digest', () => {
    const text = showInFull(atItsGate(), page).join('\n')
    for (const run of ['run-7', 'run-8', 'run-9']) expect(text).toMatch(new RegExp(`WHERE id =\\s+'${run}' AND status`))
    expect(text).toContain('undo: UPDATE runs SET status')
    expect(text).toContain('digest 3f9ac01b22d4e7d0a1b2c3d4e5f60718293a4b5c6d7e8f90123456789abcdef0')
  })
})
