import { describe, expect, test } from 'vitest'
import pc from 'picocolors'
import stringWidth from 'string-width'
import { LiveFrame } from '../../../src/cli/live-frame.ts'
import { main } from '../../../src/cli/main.ts'
import { showLines } from '../../../src/cli/render/show.ts'
import { watchFrame } from '../../../src/cli/render/watch-frame.ts'
import type { TimelineEntry } from '../../../src/engine/views/view-types.ts'
import { fakeApi } from './fake-api.ts'
import { fakeTerminal } from './fake-terminal.ts'
import { atItsGate, NOW, resolved, roundAtGate } from './incident-views.ts'

const page = { width: 80, colours: pc.createColors(false), now: NOW, interactive: true }

const entry = (seq: number, kind = 'check', data = {}): TimelineEntry => ({
  seq,
  at: '2026-03-14T03:10:40.000Z',
  actor: 'engine',
  kind,
  place: null,
  text: `event ${seq} ${'and more '.repeat(12)}`,
  data,
})

const latest = [entry(1), entry(2), entry(3)]

describe('the frame', () => {
  test('shows the incident, the latest events, and the command to approve', () => {
    const frame = watchFrame(atItsGate(), { latest, problem: undefined, page, height: 40 })
    const screen = showLines(atItsGate(), page)
    expect(frame.slice(0, screen.length)).toEqual(screen)
    expect(frame.slice(-5).join('\n')).toMatch(
      /event 1 .*…\n.*event 2 .*…\n.*event 3 .*…\n\n. waits for approval: runbook approve INC-142 · Ctrl-C stops watching$/,
    )
  })

  test.each([5, 12, 20, 24, 60])(
    'fits a window of %i lines and 80 columns, and always has the status line',
    (height) => {
      const frame = watchFrame(atItsGate(), { latest, problem: undefined, page, height })
      expect(frame.length).toBeLessThan(height)
      expect(Math.max(...frame.map((text) => stringWidth(text)))).toBeLessThanOrEqual(80)
      expect(frame.at(-1)).toContain('waits for approval')
    },
  )

  test('of a proposal whose time is over says that a worker is missing', () => {
    const late = atItsGate({
      rounds: [roundAtGate(['run-7'], { state: 'overdue', why: 'the time to decide is over' })],
    })
    const frame = watchFrame(late, { latest, problem: undefined, page, height: 60 })
    expect(frame.at(-1)).toContain('nobody decided in time, waits for a worker')
    expect(frame.join('\n')).not.toContain('runbook approve')
  })

  test('shows why it is not up to date', () => {
    const frame = watchFrame(atItsGate(), { latest, problem: 'the API does not answer', page, height: 40 })
    expect(frame.at(-1)).toBe('! the API does not answer')
  })

  test('is redrawn in the same place, and shows the cursor below the last frame', () => {
    let drawn = ''
    const frame = new LiveFrame({ draw: (text) => (drawn += text) })
    frame.draw(['one', 'two', 'three'])
    expect(drawn).not.toContain('\u001b[3A')
    drawn = ''
    frame.draw(['one'])
    expect(drawn).toBe('\u001b[3A\r\u001b[?25lone\u001b[K\n\u001b[J')
    drawn = ''
    frame.end(['end'])
    frame.draw(['a late frame'])
    expect(drawn).toBe('\u001b[1A\r\u001b[?25lend\u001b[K\n\u001b[J\u001b[?25h')
  })
})

describe('watching in a terminal', () => {
  const asEvent = (one: TimelineEntry) => `id: ${one.seq}\ndata: ${JSON.stringify(one)}\n\n`

  test('the frame follows the events until the incident is closed, and the last frame stays', async () => {
    let view = atItsGate()
    const { url } = await fakeApi({
      'GET /v1/incidents/INC-142': () => view,
      'GET /v1/incidents/INC-142/events': (_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write(asEvent(entry(1)))
        setTimeout(() => {
          view = resolved()
          response.end(asEvent(entry(2, 'closed', { outcome: 'resolved' })))
        }, 50)
      },
    })
    const terminal = fakeTerminal({ live: true, env: { RUNBOOK_URL: url } })
    expect(await main(['watch', '142'], terminal)).toBe(0)
    expect(terminal.out).toContain('waits for approval: runbook approve INC-142')
    const last = terminal.out.slice(terminal.out.lastIndexOf('\u001b[?25l'))
    expect(last).toContain('closed: resolved')
    expect(last.endsWith('\u001b[?25h')).toBe(true)
  })

  test('Ctrl-C stops watching, shows the cursor again and exits with 8', async () => {
    const { url } = await fakeApi({
      'GET /v1/incidents/INC-142': () => atItsGate(),
      'GET /v1/incidents/INC-142/events': (_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write(asEvent(entry(1)))
      },
    })
    const terminal = fakeTerminal({ live: true, height: 40, env: { RUNBOOK_URL: url } })
    const watching = main(['watch', '142'], terminal)
    await expect.poll(() => terminal.out, { timeout: 5_000 }).toContain('event 1')
    terminal.interrupt()
    expect(await watching).toBe(8)
    expect(terminal.out.endsWith('\u001b[?25h')).toBe(true)
    expect(terminal.err).toBe('stopped watching; INC-142 continues. Watch it again with "runbook watch INC-142".\n')
  })

  test.each([
    ['another gate opens', 'proposal', { gate: 'INC-142.r2', auto: false }],
    ['a manual step waits', 'manual', { gate: 'INC-142.r1', action: '1-manual' }],
  ] as const)(
    'approve --watch without a terminal ends with 8 when %s: nobody could answer',
    async (_what, kind, data) => {
      const gate = atItsGate().rounds[0]!.gate!
      const { url } = await fakeApi({
        'GET /v1/incidents/INC-142': () => atItsGate(),
        'POST /v1/incidents/INC-142/decision': () => ({
          gate: gate.id,
          incident: 'INC-142',
          state: 'approved',
          approvals: 1,
          required: 1,
        }),
        'GET /v1/incidents/INC-142/events': (_, response) => {
          response.writeHead(200, { 'content-type': 'text/event-stream' })
          // The gate that was decided and its own proposal are in the past; the stream stays open.
          response.write(asEvent(entry(1, 'proposal', { gate: gate.id, auto: false })))
          response.write(asEvent(entry(2, kind, data)))
        },
      })
      const terminal = fakeTerminal({ env: { RUNBOOK_URL: url } })
      expect(await main(['approve', '142', '--digest', gate.proposalDigest.slice(0, 12), '--watch'], terminal)).toBe(8)
      expect(terminal.err).toContain('INC-142 waits for a person again')
    },
  )

  test('an unknown incident ends it with a message and without a frame', async () => {
    const { url } = await fakeApi({})
    const terminal = fakeTerminal({ live: true, env: { RUNBOOK_URL: url } })
    expect(await main(['watch', '9'], terminal)).toBe(2)
    expect(terminal.out).toBe('')
  })
})
