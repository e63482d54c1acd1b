import { InvalidArgumentError } from 'commander'

/** The keys in a list such as `run-7,run-8`, without duplicates. */
export function parseTargets(text: string): string[] {
  const keys = [...new Set(text.split(',').map((key) => key.trim()))].filter((key) => key !== '')
  if (keys.length === 0)
    throw new InvalidArgumentError('Name at least one target, or leave the option out to approve all.')
  return keys
}
