import type { Config } from '../../config/config.ts'
import type { DoctorFinding } from '../../core/doctor-finding.ts'
import { humanDuration } from '../../core/duration.ts'
import { openDatabase } from '../../history/database.ts'
import { readOutbox, type OutboxState } from '../../history/outbox.ts'

const ANSWER_TIMEOUT_MS = 4_000

/** Reads which messages have not been accepted by their channels. */
export async function doctorOutbox(config: Pick<Config, 'database'>): Promise<DoctorFinding[]> {
  const database = openDatabase(config.database.reveal(), {
    max: 1,
    name: 'runbook doctor',
    answerMs: ANSWER_TIMEOUT_MS,
  })
  try {
    return outboxFindings(await readOutbox(database))
  } finally {
    await database.end()
  }
}

export function outboxFindings({ waiting, givenUp }: OutboxState): DoctorFinding[] {
  return [
    ...waiting.map(({ channel, messages, oldestMs, problem }) => ({
      name: `channel ${channel}`,
      ok: true,
      warning: true,
      detail: `does not accept ${countOf(messages)}, the oldest for ${humanDuration(oldestMs)}: ${problem}`,
      fix: 'correct the address of the channel, or its secrets; the messages are sent again for six hours',
    })),
    ...givenUp.map(({ channel, messages, problem }) => ({
      name: `channel ${channel}`,
      ok: false,
      detail: `did not accept ${countOf(messages)} in the last 24 hours, and the engine no longer sends them: ${problem}`,
      fix: 'correct the address of the channel, or its secrets; "runbook show" names the messages of an incident',
    })),
  ]
}

function countOf(messages: number): string {
  return messages === 1 ? '1 message' : `${messages} messages`
}
