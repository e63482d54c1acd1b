import type { MaestroConfig } from '../../config.ts'
import { withFaultContext } from '../../faults/fault.ts'
import { FAULTS, faultNamed } from '../../faults/table.ts'
import { table } from '../table.ts'

/** Switches the fault on and says what can be seen now. */
export async function injectFault(config: MaestroConfig, name: string): Promise<string> {
  const fault = faultNamed(name)
  const { runs, see } = await withFaultContext(config, (context) => fault.inject(context))
  return [
    `${fault.name} is on: ${fault.title}`,
    '',
    'What can be seen now:',
    ...see.map((line) => `  - ${line}`),
    '',
    `Look at one of its ${runs.length} runs: npx maestro inspect ${runs[0]}`,
    `Take the cause away: npx maestro heal ${fault.name}`,
  ].join('\n')
}

/** Takes the cause away and says what was done. */
export async function healFault(config: MaestroConfig, name: string): Promise<string> {
  const fault = faultNamed(name)
  return `${fault.name} is off: ${await withFaultContext(config, (context) => fault.heal(context))}`
}

export async function listFaults(config: MaestroConfig): Promise<string> {
  const on = await withFaultContext(config, (context) => Promise.all(FAULTS.map((fault) => fault.isOn(context))))
  return table(
    ['fault', 'now', 'cause'],
    FAULTS.map(({ name, title }, at) => [name, on[at] ? 'on' : 'off', title]),
  )
}
