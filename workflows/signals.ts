import { condition, log, setHandler } from '@temporalio/workflow'
import { decisionSignal, wakeSignal, wakeUpdate } from './messages.ts'

/** The maximum length of a token. It is greater than the length of any token that the engine signs. */
const MAX_TOKEN_LENGTH = 65_536
/** How many characters of tokens one activity receives. Temporal accepts inputs of up to 2 MB, which is far more. */
const CHARACTERS_AT_ONCE = 500_000
/**
 * The limit for the characters of tokens that wait in the workflow. A token beyond the limit is dropped, and the person
 * must send the decision again.
 */
const MAX_WAITING_CHARACTERS = 4_000_000
/**
 * The number of signals from which on further signals are ignored. No incident needs this many. Each signal takes the SDK about a
 * millisecond, and a workflow task must not take longer than five seconds. Further signals stay in the SDK's buffer, where they take no
 * time, and updates wake the workflow.
 */
const FLOOD = 500
/**
 * No incident needs this many updates. Temporal accepts 2,000 for each run; after that nothing could wake the workflow if somebody had used
 * up its signals too.
 */
const FLOOD_OF_UPDATES = 100
/** In a flood, the workflow also wakes by itself after this time. */
const FLOOD_POLL_MS = 60_000

/** The signals of one workflow. They only wake the workflow, which then reads the engine's database. */
export interface Signals {
  /** How many decision signals were dropped because they held no token or too many waited. */
  dropped(): number
  /** The next tokens, in the order of their arrival. While some are left, `waitForSignal` returns at once. */
  takeTokens(): string[]
  /** Waits for a signal, at most `ms`. If it returns true, something may have changed, and the time may not be over yet. */
  waitForSignal(ms: number): Promise<boolean>
}

/** Registers the handlers; call it before the first await, so that no signal is lost. */
export function handleSignals(): Signals {
  let received = 0
  let handled = 0
  let dropped = 0
  let waitingCharacters = 0
  const waiting: string[] = []
  let all = 0
  let updates = 0
  const wake = () => {
    received += 1
  }
  const count = () => {
    all += 1
    if (all !== FLOOD) return
    log.warn(
      `${FLOOD} signals arrived: further signals are ignored, and the gate is read every ${FLOOD_POLL_MS / 1_000} s`,
    )
    setHandler(decisionSignal, undefined)
    setHandler(wakeSignal, undefined)
  }
  // Only strings are accepted. Anybody who reaches Temporal can send a signal with any payload, and a payload that is
  // no string would make every later attempt to read the tokens fail.
  setHandler(decisionSignal, (payload: unknown) => {
    count()
    const isToken = typeof payload === 'string' && payload !== '' && payload.length <= MAX_TOKEN_LENGTH
    if (!isToken || waitingCharacters + payload.length > MAX_WAITING_CHARACTERS) {
      dropped += 1
      if (dropped === 1 || dropped % 100 === 0) log.warn(`${dropped} decision signals were dropped`)
      return
    }
    waiting.push(payload)
    waitingCharacters += payload.length
    wake()
  })
  setHandler(wakeSignal, () => {
    count()
    wake()
  })
  setHandler(wakeUpdate, () => {
    updates += 1
    wake()
  })
  return {
    dropped: () => dropped,
    takeTokens() {
      let characters = 0
      const left = waiting.findIndex((token) => (characters += token.length) > CHARACTERS_AT_ONCE)
      const tokens = waiting.splice(0, left === -1 ? waiting.length : left)
      waitingCharacters -= tokens.reduce((sum, token) => sum + token.length, 0)
      handled = left === -1 ? received : received - 1
      return tokens
    },
    async waitForSignal(ms) {
      const isFlooded = all >= FLOOD || updates >= FLOOD_OF_UPDATES
      const mostMs = isFlooded ? Math.min(ms, FLOOD_POLL_MS) : ms
      const signalled = await condition(() => received > handled, mostMs)
      handled = received
      return signalled || mostMs < ms
    },
  }
}
