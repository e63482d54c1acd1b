import { defineSignal } from '@temporalio/workflow'

/** A signed decision for one of the incident's gates. It is a doorbell with a letter: the gate's row is the truth. */
export const decisionSignal = defineSignal<[token: string]>('decision')

/** Something about the incident changed in the engine's database: look again. */
export const wakeSignal = defineSignal('wake')
