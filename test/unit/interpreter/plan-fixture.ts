import type { Expression, Plan, PlanCheck, PlanRemedy, Type } from '../../../src/core/plan.ts'

/** A small plan written by hand: things are `bad`, and the remedy `mend` repairs them. Each test changes the parts that it tests. */

export function expression(cel: string, checks: string[] = []): Expression {
  return { cel, checks, grows: checks, shrinks: [] }
}

const THING: Type = { object: { id: 'string', n: 'int' } }
const RESULT: Type = { object: { rows: { list: THING }, truncated: 'bool' } }

function check(name: string, needs: string[] = []): PlanCheck {
  return {
    name,
    kind: 'sql.query',
    with: { connection: { lit: 'db' } },
    needs,
    timeoutMs: 1_000,
    retries: 0,
    result: RESULT,
  }
}

export function remedy(name: string, change: Partial<PlanRemedy> = {}): PlanRemedy {
  return {
    name,
    title: `Apply ${name}`,
    risk: 'medium',
    for: 'thing',
    targetItem: THING,
    key: { expr: expression('thing.id') },
    actions: [
      {
        id: '0-sql.update',
        kind: 'sql.update',
        access: 'write',
        with: { connection: { lit: 'db' }, id: { expr: expression('thing.id') }, n: { expr: expression('thing.n') } },
        once: false,
        timeoutMs: 1_000,
      },
    ],
    limits: { maxTargets: 3 },
    approval: { auto: false, by: ['oncall'], count: 1, withinMs: 900_000, onTimeout: 'escalate', validForMs: 900_000 },
    verify: {
      checks: [check('after')],
      until: expression('targets.all(t, !after.rows.exists(r, r.id == t.id))', ['after']),
      holdsMs: 5_000,
      everyMs: 1_000,
      withinMs: 60_000,
    },
    ...change,
  }
}

export function plan(change: Partial<Plan> = {}): Plan {
  return {
    irVersion: 2,
    name: 'things',
    incident: 'bad-thing',
    title: 'Things are bad',
    inputs: {},
    key: { lit: 'things' },
    symptom: expression('size(bad.rows) > 0', ['bad']),
    checks: [check('bad'), check('other')],
    causes: [
      {
        name: 'many-bad',
        title: 'Many things are bad',
        affects: expression('bad.rows.filter(r, r.n > 1)', ['bad']),
        affectsItem: THING,
        because: { text: [expression('size(affects)', ['bad']), ' things are bad'] },
        despite: [],
        then: { remedy: 'mend' },
      },
      {
        name: 'any-bad',
        title: 'Some thing is bad',
        affects: expression('bad.rows', ['bad']),
        affectsItem: THING,
        because: { lit: 'something is bad' },
        despite: [],
        then: { remedy: 'replace' },
      },
    ],
    otherwise: { end: 'escalate' },
    remedies: { mend: remedy('mend'), replace: remedy('replace') },
    rounds: { ineffective: 3, total: 10 },
    escalate: { to: ['platform-support'], message: { text: [expression('size(bad.rows)', ['bad']), ' are bad'] } },
    ...change,
  }
}

/** The result of a check with these things as rows. */
export function things(...rows: { id: string; n: number }[]) {
  return { rows, truncated: false }
}
