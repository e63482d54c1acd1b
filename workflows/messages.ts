import { defineSignal, defineUpdate } from '@temporalio/workflow'

/**
 * A signed decision for one of the incident's gates. The workflow does not trust it: the signal only wakes the workflow, which then reads
 * the gate's row.
 */
export const decisionSignal = defineSignal<[token: string]>('decision')

/**
 * Tells the workflow that something about its incident changed in the engine's database, so that it reads the database
 * again.
 */
export const wakeSignal = defineSignal('wake')

/**
 * Wakes the workflow like `wakeSignal`, if Temporal accepts no more signals for it (the limit is 10,000 for each run). Temporal counts
 * updates separately.
 */
export const wakeUpdate = defineUpdate<void>('wake')
