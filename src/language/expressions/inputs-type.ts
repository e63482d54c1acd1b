import type { InputSpec, Type } from '../../core/plan.ts'

/** The type of `inputs` in expressions. An optional input without a default is nullable. */
export function inputsType(inputs: Record<string, InputSpec>): Type {
  const object: Record<string, Type> = {}
  for (const [name, { type, optional, default: value }] of Object.entries(inputs)) {
    const base: Type = type === 'number' ? 'double' : type
    object[name] = optional && value === undefined ? { nullable: base } : base
  }
  return { object }
}
