import { setTimeout as sleep } from 'node:timers/promises'
import { isRunbookError, messageOf } from '../../src/core/errors.ts'
import { visibleText } from '../../src/core/displayable.ts'
import type { ActionResult, RunContext } from '../../src/effects/action-implementation.ts'
import { textParameter } from '../../src/effects/action-parameters.ts'
import { notify } from '../../src/language/kinds/notify.ts'
import type { Action } from './action.ts'

const FIRST_PAUSE_MS = 500

export const notifyAction: Action = {
  kind: notify,
  implementation: {
    protocol: 'message',
    prepare(parameters) {
      const [channel, message] = [textParameter(parameters, 'channel'), textParameter(parameters, 'message')]
      return { run: (context) => notifyChannel(context, channel, message) }
    },
  },
  async preview(parameters) {
    const [channel, message] = [textParameter(parameters, 'channel'), textParameter(parameters, 'message')]
    return { summary: `notify ${channel}: ${visibleText(message)}`, count: 1 }
  },
}

/** Tries again, with longer and longer pauses, until the message is delivered or the time limit of the action is reached. */
async function notifyChannel(context: RunContext, channel: string, message: string): Promise<ActionResult> {
  const end = performance.now() + context.timeoutMs
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs *= 2) {
    try {
      const detail = await context.notify(channel, message)
      if (detail === null)
        return {
          result: 'skipped',
          detail: `nobody was notified: no channel with an address is configured for ${channel}`,
        }
      return { result: 'applied', detail, observed: { notified: detail } }
    } catch (error) {
      const waitMs = Math.max(pauseMs * (0.75 + Math.random() / 2), retryAfterMs(error))
      // A message that was not delivered does not stop the remedy.
      if (isRefused(error) || performance.now() + waitMs > end)
        return { result: 'skipped', detail: `not delivered: ${messageOf(error)}` }
      await sleep(waitMs)
    }
  }
}

function retryAfterMs(error: unknown): number {
  return isRunbookError(error) && typeof error.detail.retryAfterMs === 'number' ? error.detail.retryAfterMs : 0
}

/** Whether the address of the channel is wrong, or the channel refuses the message: another attempt would have the same result. */
function isRefused(error: unknown): boolean {
  return isRunbookError(error, 'RUNBOOK_CONFIG') || (isRunbookError(error) && error.detail.refused === true)
}
