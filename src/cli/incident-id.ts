import { InvalidArgumentError } from 'commander'
import { incidentId } from '../core/incident.ts'

/** Parses `142`, `inc-142` or `INC-142` as the id `INC-142`. Throws commander's InvalidArgumentError. */
export function parseIncidentId(text: string): string {
  const number = /^(?:inc-)?([1-9]\d{0,17})$/i.exec(text.trim())?.[1]
  if (number === undefined)
    throw new InvalidArgumentError('Write it as INC-142 or 142. "runbook list" prints the incidents.')
  return incidentId(number)
}
