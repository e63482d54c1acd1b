import { flag, listOf, number, object, objectOf, oneOf, optional, text, texts } from './guards.ts'
import { STRENGTHS } from './strength.ts'
import type { Proposal } from './proposal.ts'
import { readStoredObject } from './stored-json.ts'

/** The fields that deciding, applying and showing a proposal rely on. Others may be absent in proposals of earlier versions. */
const isProposal = objectOf({
  remedy: text,
  title: text,
  cause: text,
  because: text,
  targets: listOf(objectOf({ key: text, lock: optional(text) })),
  actions: listOf(objectOf({ id: text, kind: text, target: text, with: object, preview: objectOf({ summary: text }) })),
  limits: objectOf({ perHour: optional(number), cooldownMs: optional(number) }),
  approval: objectOf({
    auto: flag,
    by: texts,
    count: number,
    validForMs: number,
    escalateTo: texts,
    strength: optional(oneOf(...STRENGTHS)),
  }),
})

/**
 * The proposal in a stored text; undefined if somebody changed the text so that it is no longer a proposal. Never
 * throws.
 */
export function readStoredProposal(stored: string): Proposal | undefined {
  const proposal = readStoredObject(stored)
  return isProposal(proposal) ? (proposal as unknown as Proposal) : undefined
}
