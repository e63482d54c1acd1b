import { setTimeout as pause } from 'node:timers/promises'
import { numberInput, type StepKind } from './kind.ts'

/** Renders a thumbnail of `input.width` × `input.height`. It does not limit the size: a huge thumbnail needs more memory than a worker has. */
export const render: StepKind = async ({ input, signal }) => {
  const width = numberInput(input, 'width', 64)
  const height = numberInput(input, 'height', 64)
  const rows: number[][] = []
  for (let y = 0; y < height; y++) {
    rows.push(Array.from({ length: width }, (_, x) => x * y * 0.5))
  }
  await pause(numberInput(input, 'seconds', 0.5) * 1000, undefined, { signal })
  return { pixels: rows.length * width }
}
