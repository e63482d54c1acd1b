import { setTimeout as pause } from 'node:timers/promises'
import { numberInput, type StepKind } from './kind.ts'

/** Simulates fetching the source file. `input.seconds` is the duration. */
export const fetchSource: StepKind = async ({ input, signal }) => {
  const seconds = numberInput(input, 'seconds', 0.1)
  await pause(seconds * 1000, undefined, { signal })
  return { bytes: 4_200_000 }
}
