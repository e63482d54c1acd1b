import { z } from 'zod'
import { STRENGTHS } from '../core/strength.ts'
import { plain } from './plain.ts'

const oneOrMore = z.array(plain).min(1)

const match = z.strictObject({
  connection: oneOrMore.optional().describe('Connections.'),
  kind: oneOrMore
    .optional()
    .describe(
      'Action kinds: `sql.update`, or `sql.*` for all that begin with `sql.`. `notify` and `manual` are kinds too.',
    ),
  risk: z
    .array(z.enum(['low', 'medium', 'high']))
    .min(1)
    .optional()
    .describe('The `risk` of the remedy. Its author states it: a rule that authors must not evade does not use this.'),
  environment: oneOrMore
    .optional()
    .describe('Environments of the connection; for actions without a connection, of the installation.'),
})

export const policyRule = z.strictObject({
  name: plain.describe('The name of the rule, for messages.'),
  match: match
    .default({})
    .describe(
      'The actions that the rule is for. Every field must match; an absent field matches every action, `notify` and `manual` too.',
    ),
  by: z
    .array(plain)
    .default([])
    .describe(
      'Each approval must be by a member of one of these groups, as well as of a group of the runbook. If empty, the groups of the runbook are enough.',
    ),
  count: z.int().min(1).max(20).default(1).describe('How many different people must approve, at least.'),
  excludeRequester: z.boolean().default(false).describe('Whether the person who opened the incident may not approve.'),
  excludeAuthor: z
    .boolean()
    .default(false)
    .describe(
      'Whether the person who changed the runbook last, by its git history, may not approve. `emails` of `people` names authors. If the author is unknown, nobody may approve.',
    ),
  strength: z
    .enum(STRENGTHS, `is one of ${STRENGTHS.join(', ')}`)
    .default('login')
    .describe(
      '`login`: a token or the identity provider is enough. `signed`: the approval is signed with a key of the person (`runbook sign`), or with a passkey. `passkey`: the person approves with a passkey, on the pages.',
    ),
  breakGlass: z
    .boolean()
    .default(false)
    .describe(
      'Whether a member of a group in `breakGlass` may approve alone. That replaces groups, number and exclusions, not `strength`. Every matching rule must allow it.',
    ),
})
