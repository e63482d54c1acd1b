import { z } from 'zod'
import { RunbookError } from '../core/errors.ts'
import { isStorable, NOT_STORABLE } from '../core/storable.ts'

/** A string that the history can store. */
export const text = (max: number, min = 0) => z.string().min(min).max(max).refine(isStorable, NOT_STORABLE)

export const digest = z.string().regex(/^[0-9a-f]{64}$/, 'must be a digest: 64 lower-case hex digits')

const MIN_BREAK_GLASS_REASON = 20

/**
 * A person's decision on one proposal. Every other form of a decision extends this schema: the body of `POST …/decision`, the request that
 * the command line sends, and the claims of a signed token. The rules between its fields are in `checkDecision`.
 */
export const decisionRequest = z.strictObject({
  gate: text(100),
  proposalDigest: digest,
  decision: z.enum(['approve', 'reject']),
  /** Keys of the targets that the decision is about; absent if it is about all targets. */
  targets: z.array(text(1_000, 1)).min(1, 'must name a target; omit it to mean all targets').max(500).optional(),
  /** With `reject`: propose a remedy for the next cause that holds instead of ending the incident. */
  nextCause: z.boolean().optional(),
  comment: text(2_000).optional(),
  /** With `approve`: the reason why this person decides alone. One of the person's groups must permit break-glass. */
  breakGlass: text(2_000)
    .refine(
      (reason) => reason.trim().length >= MIN_BREAK_GLASS_REASON,
      `must give a reason of at least ${MIN_BREAK_GLASS_REASON} characters`,
    )
    .optional(),
})

export type DecisionRequest = z.infer<typeof decisionRequest>

/** Checks the rules between the fields of a decision. Every schema that extends `decisionRequest` uses it with `superRefine`. */
export function checkDecision(
  { decision, nextCause, breakGlass }: Pick<DecisionRequest, 'decision' | 'nextCause' | 'breakGlass'>,
  context: z.RefinementCtx,
): void {
  if (nextCause && decision !== 'reject')
    context.addIssue({ code: 'custom', path: ['nextCause'], message: 'is allowed only with reject' })
  if (breakGlass !== undefined && decision !== 'approve')
    context.addIssue({ code: 'custom', path: ['breakGlass'], message: 'is allowed only with approve' })
}

const bytes = (most: number) =>
  z
    .string()
    .min(1)
    .max(most)
    .regex(/^[\w-]+$/, 'must be base64url')

/** The signature of a passkey over a decision, as the browser returns it: every value is base64url. */
export const passkeySignature = z.strictObject({
  /** The passkey's credential id. */
  id: bytes(2_000),
  authenticatorData: bytes(4_000).refine(
    (data) => Buffer.from(data, 'base64url').length >= 37,
    'must be the data of an authenticator',
  ),
  clientDataJSON: bytes(4_000),
  signature: bytes(4_000),
})

export type PasskeySignature = z.infer<typeof passkeySignature>

/** A signed token (EdDSA JWS) holds exactly these claims. */
const decisionClaims = decisionRequest
  .extend({
    /** The person's name in the configuration, or at the identity provider. */
    person: text(1_000, 1),
    /**
     * The groups that the identity provider reported. They are present only in tokens that the engine signed for a person of the provider.
     */
    groups: z.array(text(1_000, 1)).max(200).optional(),
    /** With `approve`: the person's own signature. Only tokens that the engine signed for a person at the pages have it. */
    passkey: passkeySignature.optional(),
    /** Seconds since the epoch. */
    iat: z.number().int(),
    /** The token's id. A token is used once. */
    jti: z
      .string()
      .min(1)
      .max(200)
      .regex(/^[\x21-\x7e]*$/, 'must consist of printable ASCII characters'),
  })
  .superRefine(checkDecision)

export type DecisionClaims = z.infer<typeof decisionClaims>

/**
 * Validates the claims of a token, and refuses unknown and missing fields. This is necessary because people sign tokens
 * with their own keys and can write anything into them. Throws `RUNBOOK_BAD_INPUT`.
 */
export function readClaims(value: unknown): DecisionClaims {
  const read = decisionClaims.safeParse(value)
  if (read.success) return read.data
  const problems = read.error.issues.map(({ path, message }) => `${path.join('.') || 'the decision'}: ${message}`)
  throw new RunbookError('RUNBOOK_BAD_INPUT', problems.join('; '), { problems })
}

/** A person withdraws their own decision on a gate. */
export const withdrawRequest = z.strictObject({ gate: text(100), comment: text(2_000).optional() })

export type WithdrawRequest = z.infer<typeof withdrawRequest>
