import type { InputSpec, Type } from '../../core/plan.ts'

/** What expressions know as `inputs`: an optional input without a default is null when it is not given. */
export function inputsType(inputs: Record<string, InputSpec>): Type {
  const object: Record<string, Type> = {}
  for (const [name, { type, optional, default: otherwise }] of Object.entries(inputs)) {
    const base: Type = type === 'number' ? 'double' : type
    object[name] = optional && otherwise === undefined ? { nullable: base } : base
  }
  return { object }
}
