import { condition, defineQuery, defineSignal, proxyActivities, setHandler } from '@temporalio/workflow'

/** Calls any activity of the engine with any arguments; returns what it answered, or the message of its failure. */
export async function callActivity(taskQueue: string, name: string, args: unknown[]): Promise<string> {
  const activities = proxyActivities<Record<string, (...given: unknown[]) => Promise<unknown>>>({
    taskQueue,
    startToCloseTimeout: '20s',
    retry: { maximumAttempts: 1 },
  })
  try {
    return `accepted: ${JSON.stringify(await activities[name]!(...args))}`
  } catch (error) {
    const { cause } = error as { cause?: Error }
    return `refused: ${cause?.message ?? String(error)}`
  }
}

export const callSignal = defineSignal<[id: string, taskQueue: string, name: string, args: unknown[]]>('call')
export const answersQuery = defineQuery<Record<string, string>>('answers')

/** A workflow that runs in place of the incident's workflow when a worker with other code polls the engine's task queue. It calls every activity that a signal names. */
export default async function hijacked(): Promise<void> {
  const answers: Record<string, string> = {}
  const calls: [id: string, taskQueue: string, name: string, args: unknown[]][] = []
  setHandler(answersQuery, () => answers)
  setHandler(callSignal, (...call) => void calls.push(call))
  for (;;) {
    await condition(() => calls.length > 0)
    const [id, taskQueue, name, args] = calls.shift()!
    answers[id] = await callActivity(taskQueue, name, args)
  }
}
