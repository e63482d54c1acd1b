import { publish } from './database.ts'
import { fetchSource } from './fetch.ts'
import type { StepKind } from './kind.ts'
import { mlInference } from './ml-inference.ts'
import { render } from './render.ts'
import { transcode } from './transcode.ts'

/** The implementation of each step type. */
export const STEP_KINDS: Record<string, StepKind> = {
  fetch: fetchSource,
  transcode,
  'ml-inference': mlInference,
  render,
  database: publish,
}
