import { ApplicationFailure, defaultPayloadConverter, type PayloadConverter } from '@temporalio/workflow'

type Payload = Parameters<PayloadConverter['fromPayload']>[0]

/**
 * The SDK's converter with one change: a payload that cannot be decoded causes an error only when its value is used,
 * and does not fail the workflow task. Anybody who reaches Temporal can send a signal with broken JSON or an unknown
 * encoding, and Temporal would retry a failed task for ever.
 */
export const payloadConverter: PayloadConverter = {
  toPayload: (value) => defaultPayloadConverter.toPayload(value),
  fromPayload<T>(payload: Payload): T {
    try {
      return defaultPayloadConverter.fromPayload<T>(payload)
    } catch (error) {
      return unreadable(error instanceof Error ? error.message : String(error)) as T
    }
  },
}

/**
 * A value that throws an error when it is used. Code that only passes the value on or ignores it, such as a handler of signals, does not
 * fail.
 */
function unreadable(why: string): unknown {
  const refuse = () => {
    throw ApplicationFailure.nonRetryable(`Temporal delivered a value that cannot be decoded: ${why}`)
  }
  return new Proxy({}, { get: refuse, has: refuse, ownKeys: refuse, getOwnPropertyDescriptor: refuse })
}
