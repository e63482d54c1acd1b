import { ApplicationFailure, defaultPayloadConverter, type PayloadConverter } from '@temporalio/workflow'

type Payload = Parameters<PayloadConverter['fromPayload']>[0]

/**
 * The SDK's converter, except that a payload that cannot be decoded is an error of its reader, not of the workflow task: anybody who reaches
 * Temporal can send a signal with broken JSON or an unknown encoding, and Temporal would retry that task for ever.
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

/** A value whose every use fails; one that is only passed on or ignored, such as what a signal carries, does no harm. */
function unreadable(why: string): unknown {
  const refuse = () => {
    throw ApplicationFailure.nonRetryable(`Temporal delivered a value that cannot be decoded: ${why}`)
  }
  return new Proxy({}, { get: refuse, has: refuse, ownKeys: refuse, getOwnPropertyDescriptor: refuse })
}
