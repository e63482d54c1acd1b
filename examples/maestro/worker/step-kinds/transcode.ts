import { setTimeout as pause } from 'node:timers/promises'
import { numberInput, type StepKind } from './kind.ts'

const SLICE_MS = 250

/** Simulates transcoding in slices. `input.seconds` is the total duration. */
export const transcode: StepKind = async ({ input, signal, progress }) => {
  const totalMs = numberInput(input, 'seconds', 1.5) * 1000
  for (let done = 0; done < totalMs; done += SLICE_MS) {
    await pause(Math.min(SLICE_MS, totalMs - done), undefined, { signal })
    await progress()
  }
  return { slices: Math.ceil(totalMs / SLICE_MS) }
}
