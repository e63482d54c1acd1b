/** A step of a workflow and its type. The steps of a run are executed in the order of the workflow. */
export interface StepDefinition {
  step: string
  type: string
}

export const WORKFLOWS: Record<string, StepDefinition[]> = {
  video: [
    { step: 'fetch', type: 'fetch' },
    { step: 'transcode', type: 'transcode' },
    { step: 'classify', type: 'ml-inference' },
    { step: 'publish', type: 'database' },
  ],
  classify: [
    { step: 'fetch', type: 'fetch' },
    { step: 'classify', type: 'ml-inference' },
    { step: 'publish', type: 'database' },
  ],
  thumbnail: [
    { step: 'render', type: 'render' },
    { step: 'publish', type: 'database' },
  ],
}

/** Default settings of a step type. They initialize the table `step_types`, which is used from then on. */
export interface StepTypeSettings {
  timeoutMs: number
  attempts: number
  backoffMs: number
}

export const STEP_TYPES: Record<string, StepTypeSettings> = {
  fetch: { timeoutMs: 3000, attempts: 2, backoffMs: 300 },
  transcode: { timeoutMs: 4000, attempts: 2, backoffMs: 300 },
  'ml-inference': { timeoutMs: 3000, attempts: 3, backoffMs: 300 },
  render: { timeoutMs: 3000, attempts: 2, backoffMs: 300 },
  database: { timeoutMs: 3000, attempts: 3, backoffMs: 300 },
}

/** The number of attempts after which recovery no longer restarts a run. */
export const MAX_ATTEMPTS = 5

export function stepAfter(workflow: string, step: string): StepDefinition | undefined {
  const steps = WORKFLOWS[workflow] ?? []
  return steps[steps.findIndex((definition) => definition.step === step) + 1]
}

/** A new attempt is a new job: BullMQ ignores an `add` with the id of a job that it still keeps. */
export function jobIdOf(run: string, step: string, attempt: number): string {
  return `${run}__${step}__a${attempt}`
}
