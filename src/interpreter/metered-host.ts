import { beginActivation, endActivation } from '../language/expressions/runtime-values.ts'
import type { Host } from './host.ts'

/**
 * Wraps a host so that all expressions between two calls to it share one budget. Without the budget, a remedy with many targets could block
 * the workflow for longer than Temporal allows for an activation, and Temporal would repeat the activation for ever.
 */
export function meteredHost(host: Host): Host {
  const metered =
    <A extends unknown[], T>(call: (...args: A) => Promise<T>) =>
    async (...args: A): Promise<T> => {
      endActivation()
      try {
        return await call(...args)
      } finally {
        beginActivation()
      }
    }
  return {
    runChecks: metered((requests) => host.runChecks(requests)),
    propose: metered((draft) => host.propose(draft)),
    resolveGate: metered((gate) => host.resolveGate(gate)),
    waitForSignal: metered((ms) => host.waitForSignal(ms)),
    apply: metered((request) => host.apply(request)),
    poll: metered((request) => host.poll(request)),
    record: metered((event) => host.record(event)),
    escalate: metered((escalation) => host.escalate(escalation)),
    handOff: metered((type, inputs) => host.handOff(type, inputs)),
    close: metered((closing) => host.close(closing)),
    clock: () => host.clock(),
    isFatal: (error) => host.isFatal(error),
    includes: (change) => host.includes(change),
    setStatus: (status) => host.setStatus(status),
  }
}
