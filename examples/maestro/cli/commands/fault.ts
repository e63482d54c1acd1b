import type { MaestroConfig } from '../../config.ts'
import { withFaultContext } from '../../faults/fault.ts'
import { FAULTS, findFault } from '../../faults/table.ts'
import { table } from '../table.ts'

/** Injects a fault and lists the symptoms that it causes. */
export async function injectFault(config: MaestroConfig, name: string): Promise<string> {
  const fault = findFault(name)
  const { runs, symptoms } = await withFaultContext(config, (context) => fault.inject(context))
  return [
    `${fault.name} is on: ${fault.title}`,
    '',
    'Symptoms:',
    ...symptoms.map((line) => `  - ${line}`),
    '',
    `Inspect one of its ${runs.length} runs: npx maestro inspect ${runs[0]}`,
    `Remove the cause: npx maestro heal ${fault.name}`,
  ].join('\n')
}

/** Removes the cause of a fault and returns a description of the change. */
export async function healFault(config: MaestroConfig, name: string): Promise<string> {
  const fault = findFault(name)
  return `${fault.name} is off: ${await withFaultContext(config, (context) => fault.heal(context))}`
}

export async function listFaults(config: MaestroConfig): Promise<string> {
  const on = await withFaultContext(config, (context) => Promise.all(FAULTS.map((fault) => fault.isOn(context))))
  return table(
    ['fault', 'state', 'cause'],
    FAULTS.map(({ name, title }, index) => [name, on[index] ? 'on' : 'off', title]),
  )
}
