import { InvalidArgumentError } from 'commander'

export interface EffectName {
  /** The action's id, such as `0-sql.update`. */
  action: string
  /** The target's key, which may contain slashes; `-` for an action that runs once. */
  target: string
}

/** Parses a text such as `0-sql.update/run-7` as an action and a target. Throws commander's InvalidArgumentError. */
export function parseEffect(text: string): EffectName {
  const match = /^([^/]+)\/([\s\S]+)$/.exec(text)
  if (!match)
    throw new InvalidArgumentError('Write it as action/target, such as 0-sql.update/run-7 or 0-process.run/-.')
  return { action: match[1]!, target: match[2]! }
}
