import { messageOf } from '../../src/core/errors.ts'
import { visibleText } from '../../src/core/displayable.ts'
import type { ActionResult, RunContext } from '../../src/effects/action-implementation.ts'
import { textParameter } from '../../src/effects/action-parameters.ts'
import { notify } from '../../src/language/kinds/notify.ts'
import type { Action } from './action.ts'

const MAX_TRIES = 3

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

async function notifyChannel(context: RunContext, channel: string, message: string): Promise<ActionResult> {
  let failure = ''
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    try {
      const detail = await context.notify(channel, message)
      if (detail === null)
        return { result: 'skipped', detail: `nobody was notified: no channel is configured for ${channel}` }
      return { result: 'applied', detail, observed: { notified: detail } }
    } catch (error) {
      failure = messageOf(error)
    }
  }
  // A message that was not delivered does not stop the remedy.
  return { result: 'skipped', detail: `not delivered: ${failure}` }
}
