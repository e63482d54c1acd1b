import type { Context, Hono } from 'hono'
import { z } from 'zod'
import { defined } from '../../core/defined.ts'
import { RunbookError } from '../../core/errors.ts'
import { environmentsOf, policyAction } from '../../core/policy.ts'
import { ALL_TARGETS, type Proposal } from '../../core/proposal.ts'
import { decideGate } from '../../engine/decide-gate.ts'
import type { Engine } from '../../engine/engine.ts'
import { beginApproval } from '../../engine/passkeys.ts'
import { strengthFor } from '../../engine/views/deciders.ts'
import { showIncident } from '../../engine/views/show.ts'
import type { GateView } from '../../engine/views/view-types.ts'
import { decisionRequest, digest, passkeySignature, type PasskeySignature } from '../../gate/decision-schema.ts'
import { newApp, type ApiEnv } from '../app.ts'
import { ActionList, TargetChanges } from './actions.tsx'
import { requireIncidentId } from './incident-id.ts'
import { answerPage, PostForm } from './layout.tsx'
import { onIncidentPage, readForm } from './on-incident.ts'
import { pageContext, type PageContext } from './page-context.ts'
import { Data, Expiry, incidentPath, plural, runsOnce } from './words.tsx'

/** A browser sends a single value as text, and several values of one field as a list. */
const list = z.preprocess((value) => (value === undefined ? [] : [value].flat()), z.array(z.string()).max(500))

/**
 * The form sends targets by their number in the proposal; the digest guarantees that the numbers still mean the same targets. A form
 * without any target belongs to a remedy whose targets cannot be chosen.
 */
const chosen = z.object({ digest, target: list })

const decisionForm = chosen.extend({
  gate: decisionRequest.shape.gate,
  decision: decisionRequest.shape.decision,
  comment: z.string().optional(),
  nextCause: z.literal('yes').optional(),
  part: z.literal('yes').optional(),
  /** With a passkey: the id of the decision, and what the browser returned, as JSON. */
  attempt: z.uuid().optional(),
  passkey: z.string().max(20_000).optional(),
})

/** The part of the browser's answer that proves the decision. */
const signedByPasskey = z
  .object({ id: passkeySignature.shape.id, response: passkeySignature.omit({ id: true }).strip() })
  .transform(({ id, response }) => ({ id, ...response }))

export function approveRoutes(engine: Engine): Hono<ApiEnv> {
  const app = newApp()
  app.get('/incidents/:id/approve', (c) => onIncidentPage(c, engine, () => confirmationPage(c, engine)))
  app.post('/incidents/:id/decision', (c) => onIncidentPage(c, engine, () => decide(c, engine)))
  return app
}

/** Shows again what is about to be approved, and asks for confirmation. It changes nothing. */
async function confirmationPage(c: Context<ApiEnv>, engine: Engine): Promise<Response> {
  const id = requireIncidentId(c)
  const form = readForm(chosen, { digest: c.req.query('digest'), target: c.req.queries('target') })
  const gate = await openGateOf(engine, id, form.digest)
  const keys = chosenKeys(gate, form.target)
  const page = pageContext(engine, c.get('session'))
  const isPart = keys.length < gate.proposal.targets.length
  const signing =
    (await strengthFor(engine, gate.proposal)) === 'login'
      ? undefined
      : await beginApproval(
          engine,
          c.get('person'),
          defined({ gate: gate.id, proposalDigest: gate.proposalDigest, targets: isPart ? keys : undefined }),
        )
  const part = partOf(gate.proposal, keys)
  const named = environmentsOf(engine.config.policy, part.actions.map(policyAction))
  const where = named.length === 0 ? page.environment : named.join(' and ')
  const numbers = form.target
  const children = <Confirmation {...{ id, gate, part, where, numbers, page, signing }} />
  const back = incidentPath(id)
  return answerPage(c, {
    page,
    title: `Confirm: ${gate.proposal.title}`,
    live: { events: `${back}/events` },
    back,
    passkeys: signing !== undefined,
    children,
  })
}

async function decide(c: Context<ApiEnv>, engine: Engine): Promise<Response> {
  const id = requireIncidentId(c)
  const form = readForm(decisionForm, await c.req.parseBody({ all: true }))
  if (!form.gate.startsWith(`${id}.`))
    throw new RunbookError('RUNBOOK_BAD_INPUT', `${form.gate} is not a gate of ${id}: reload the incident's page`)
  const comment = form.comment?.trim()
  if (form.decision === 'reject' && !comment)
    throw new RunbookError('RUNBOOK_BAD_INPUT', 'a rejection needs a reason, so that others know why')
  const targets = form.part === 'yes' ? chosenKeys(await openGateOf(engine, id, form.digest), form.target) : undefined
  await decideGate(
    engine,
    c.get('person'),
    defined({
      gate: form.gate,
      proposalDigest: form.digest,
      decision: form.decision,
      targets,
      comment,
      nextCause: form.nextCause === 'yes' ? true : undefined,
    }),
    form.attempt === undefined ? {} : { jti: form.attempt, passkey: readPasskeyAnswer(form.passkey) },
  )
  return c.redirect(incidentPath(id), 303)
}

/** Throws `RUNBOOK_BAD_INPUT`. */
function readPasskeyAnswer(text: string | undefined): PasskeySignature {
  if (!text)
    throw new RunbookError(
      'RUNBOOK_BAD_INPUT',
      'nothing was approved: the browser sent no signature of your passkey. This page needs JavaScript for it',
    )
  try {
    return signedByPasskey.parse(JSON.parse(text))
  } catch (error) {
    throw new RunbookError('RUNBOOK_BAD_INPUT', 'nothing was approved: the passkey’s answer cannot be read', {}, error)
  }
}

/** Returns the open gate of the incident if its proposal is still the one that the person read. Throws `RUNBOOK_CONFLICT`. */
async function openGateOf({ database }: Engine, id: string, expected: string): Promise<GateView> {
  const view = await showIncident(database, id)
  const gate = view.rounds.at(-1)?.gate
  const by = gate?.decisions.findLast(({ withdrawn }) => !withdrawn)?.person
  if (gate?.proposalDigest !== expected)
    throw new RunbookError('RUNBOOK_CONFLICT', 'The proposal has changed since you read it. Read it again below.')
  if (gate.state !== 'open') {
    const why = gate.why === null ? '' : `: ${gate.why}`
    throw new RunbookError(
      'RUNBOOK_CONFLICT',
      `The proposal can no longer be decided: it is ${gate.state}${why}${by ? ` (last decision: ${by})` : ''}.`,
    )
  }
  return gate
}

/**
 * Returns the keys of the chosen targets; the keys of all targets if the remedy does not let a person choose. Throws `RUNBOOK_BAD_INPUT`.
 */
function chosenKeys({ proposal }: GateView, numbers: string[]): string[] {
  const keys = proposal.targets.map(({ key }) => key)
  if (!mayChoose(proposal)) return keys
  if (numbers.length === 0) throw new RunbookError('RUNBOOK_BAD_INPUT', 'Choose at least one target.')
  return numbers.map((number) => {
    const key = /^\d{1,3}$/.test(number) ? keys[Number(number)] : undefined
    if (key === undefined)
      throw new RunbookError(
        'RUNBOOK_BAD_INPUT',
        `the proposal has no target number ${number}: reload the page and choose again`,
      )
    return key
  })
}

function mayChoose({ approval, targets }: Proposal): boolean {
  return approval.inPart && targets.length > 1
}

interface ConfirmationProps {
  id: string
  gate: GateView
  /** The proposal with the chosen targets only. */
  part: Proposal
  /** The environments in which something would be changed. */
  where: string
  numbers: string[]
  page: PageContext
  /** What the passkey signs, where the approval needs one. */
  signing: Awaited<ReturnType<typeof beginApproval>> | undefined
}

function partOf(proposal: Proposal, keys: string[]): Proposal {
  return {
    ...proposal,
    targets: proposal.targets.filter(({ key }) => keys.includes(key)),
    actions: proposal.actions.filter(({ target }) => target === ALL_TARGETS || keys.includes(target)),
  }
}

function Confirmation({ id, gate, part, where, numbers, page, signing }: ConfirmationProps) {
  const { proposal } = gate
  const chosenCount = part.targets.length
  const isPart = chosenCount < proposal.targets.length
  const count = runsOnce(proposal) ? '' : ` (${plural(chosenCount, 'target')})`
  return (
    <section class="card gate" data-expires={gate.expiresAt}>
      <h1>Confirm your approval of {id}</h1>
      <p class="facts">
        <span>{where}</span> <span>{runsOnce(proposal) ? 'done once' : plural(chosenCount, 'target')}</span>{' '}
        <span class={`risk-${proposal.risk}`}>risk: {proposal.risk}</span>{' '}
        <span>
          expires in <Expiry until={gate.expiresAt} now={page.now} />
        </span>
      </p>
      <p id="gate-closed" class="problem" role="alert" hidden />
      <p>
        <strong>{proposal.title}</strong>, because <Data value={proposal.because} />
      </p>
      <TargetChanges proposal={part} choose={false} />
      {isPart && (
        <p class="notice">{plural(proposal.targets.length - chosenCount, 'other target')} will not be changed.</p>
      )}
      <PostForm action={`${incidentPath(id)}/decision`} session={page.session!} class="stack">
        <input type="hidden" name="decision" value="approve" />
        <input type="hidden" name="gate" value={gate.id} />
        <input type="hidden" name="digest" value={gate.proposalDigest} />
        {isPart && <input type="hidden" name="part" value="yes" />}
        {isPart && numbers.map((number) => <input type="hidden" name="target" value={number} />)}
        {signing && <PasskeyFields signing={signing} />}
        <label for="comment">Comment (optional)</label>
        <input id="comment" name="comment" maxlength={2000} autocomplete="off" />
        <button type="submit" class="main" data-decides>
          Yes, approve in {where}: {proposal.title}
          {count}
          {signing && ', with your passkey'}
        </button>
      </PostForm>
      <p>
        <a class="button" href={incidentPath(id)}>
          Back, approve nothing
        </a>
      </p>
      <h2>What exactly will be done</h2>
      <ActionList actions={part.actions} />
    </section>
  )
}

function PasskeyFields({ signing: { jti, options } }: { signing: NonNullable<ConfirmationProps['signing']> }) {
  return (
    <>
      <p id="passkey-problem" class="problem" role="alert" hidden />
      <noscript>An approval with a passkey needs JavaScript.</noscript>
      <input type="hidden" name="attempt" value={jti} />
      <input type="hidden" name="passkey" data-passkey={JSON.stringify(options)} />
    </>
  )
}
