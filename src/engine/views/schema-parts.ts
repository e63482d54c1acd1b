import { z } from 'zod'
import { GATE_STATES, SHOWN_GATE_STATES } from '../../core/decision.ts'
import { EFFECT_RESULTS } from '../../core/effect.ts'
import type { JsonObject } from '../../core/json.ts'

/*
 * The schemas of this folder describe what the engine's functions return. The types in view-types.ts are inferred from
 * these schemas, and /openapi.json shows them under their ids. If another folder defines the type, the schema is
 * annotated with it, so that the compiler compares both. Only the HTTP layer imports the schemas at run time.
 */

/** A time in ISO 8601, UTC. */
export const time = z.string().meta({ format: 'date-time' })

export const jsonObject: z.ZodType<JsonObject> = z.record(z.string(), z.any())

/** `T` as zod infers it: an optional property may also be undefined, which is the same in JSON. */
type Inferred<T> = T extends readonly (infer Item)[]
  ? Inferred<Item>[]
  : T extends object
    ? { [K in keyof T]: object extends Pick<T, K> ? Inferred<T[K]> | undefined : Inferred<T[K]> }
    : T

/** A schema of a type that another folder defines: the compiler refuses a schema that lacks one of its properties. */
export function schemaOf<T>(schema: z.ZodType<Inferred<T>>): z.ZodType<T> {
  return schema as unknown as z.ZodType<T>
}

export const gateState = z.enum(GATE_STATES)
export const shownGateState = z.enum(SHOWN_GATE_STATES)
export const effectResult = z.enum(EFFECT_RESULTS)
