import { existsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { ACTION_IMPLEMENTATIONS, ACTIONS } from '../../../activities/actions/action-table.ts'
import { fillPath } from '../../../activities/actions/http-request.ts'
import { previewAction } from '../../../activities/preview-action.ts'
import { guardedWrite } from '../../../activities/actions/guarded-update.ts'
import { ACTIONS as DESCRIBED } from '../../../src/language/kinds/table.ts'
import type { JsonObject } from '../../../src/core/json.ts'
import type { Targets } from '../../../src/targets/targets.ts'

describe('action kinds', () => {
  test('with a description are exactly the kinds with an implementation', () => {
    const described = DESCRIBED.map((kind) => kind.name)
    expect(ACTIONS.map((action) => action.kind.name).sort()).toEqual(described.sort())
    expect(Object.keys(ACTION_IMPLEMENTATIONS).sort()).toEqual(described.sort())
  })

  test.each(ACTIONS.map((action) => action.kind))(
    '$kind has a description and an implementation of the same name',
    ({ name: kind }) => {
      const file = `${kind.replace('.', '-')}.ts`
      for (const folder of ['src/language/kinds', 'activities/actions'])
        expect(existsSync(new URL(`../../../${folder}/${file}`, import.meta.url))).toBe(true)
    },
  )

  test('that need an approval use a protocol that prevents a second application; messages and manual steps do not', () => {
    for (const { kind, implementation } of ACTIONS) {
      const expected = { write: ['sql', 'script', 'intent'], message: ['message'], person: ['person'], read: [] }
      expect(expected[kind.access]).toContain(implementation.protocol)
    }
  })
})

describe('sql.update', () => {
  const update = {
    connection: 'db',
    table: 'public.runs',
    where: { id: 7, reason: null },
    set: { status: 'X', at: null, tags: { a: 1 } },
  }

  test('becomes a statement with quoted names and bound values', () => {
    expect(guardedWrite(update)).toMatchObject({
      connection: 'db',
      rows: 1,
      what: 'public.runs',
      endsInWhere: true,
      update: {
        text: 'UPDATE "public"."runs" SET "status" = $1, "at" = $2, "tags" = $3 WHERE "id" = $4 AND "reason" IS NULL',
        values: ['X', null, '{"a":1}', 7],
      },
      observe: {
        text: 'SELECT count(*) AS count FROM "public"."runs" WHERE "id" = $1 AND "reason" IS NULL AND "status" = $2 AND "at" IS NULL AND "tags" = $3',
        values: [7, 'X', '{"a":1}'],
      },
    })
  })

  test.each([
    ['no guard', { where: {} }],
    ['nothing to set', { set: {} }],
    ['a column that is SQL', { set: { 'status" = 1; --': 'X' } }],
    ['a guard that is SQL', { where: { '1=1 OR id': 1 } }],
    ['a table that is SQL', { table: 'runs; DROP TABLE runs' }],
    ['zero rows', { rows: 0 }],
    ['half a row', { rows: 0.5 }],
    ['a guard that is a string', { where: 'id = 1' }],
  ])('with %s is bad input', (_, change) => {
    expect(() => guardedWrite({ ...update, ...change })).toThrow(expect.objectContaining({ code: 'RUNBOOK_BAD_INPUT' }))
  })
})

describe('http.request', () => {
  test.each([
    ['/a/{x}/b', { x: 'y' }, '/a/y/b'],
    ['/a/{x}', { x: 'b?c=d#e' }, '/a/b%3Fc%3Dd%23e'],
    ['/a/{x}', { x: '@evil.example' }, '/a/%40evil.example'],
    ['/a/{x}', { x: 7 }, '/a/7'],
    ['/a', {}, '/a'],
  ])('%s with %j is %s', (path, values, filled) => {
    expect(fillPath(path, values)).toBe(filled)
  })

  test.each([
    [{ x: '..' }],
    [{ x: '../../etc' }],
    [{ x: 'a\\b' }],
    [{ x: '%2e%2e' }],
    [{ x: '.' }],
    [{ x: '' }],
    [{ x: null }],
    [{}],
    [{ x: '1', y: '2' }],
    [{ x: '\ud800' }],
  ])('a path with the values %j is bad input', (values) => {
    expect(() => fillPath('/a/{x}', values)).toThrow(expect.objectContaining({ code: 'RUNBOOK_BAD_INPUT' }))
  })
})

describe('the preview', () => {
  const NOT_APPLIED = 'The action is refused even if it is approved, because nobody can see what it would change'
  const unreachable = new Proxy({}, { get: () => () => Promise.reject(new Error('db does not answer')) }) as Targets
  const context = { targets: unreachable, signal: new AbortController().signal }

  test('of an unknown kind shows a warning and does not fail', async () => {
    const problem =
      'the action would be refused now: the version of the engine that runs now has no action kind sql.drop: update the engine before you approve'
    expect(await previewAction('sql.drop', { a: 1 }, context)).toEqual({
      summary: 'sql.drop {"a":1}',
      warning: `${problem}. ${NOT_APPLIED}`,
      unread: problem,
    })
  })

  test('of an unreachable system still shows what would be done', async () => {
    const parameters = { connection: 'db', table: 'runs', where: { id: '7' }, set: { status: 'FAILED' } }
    expect(await previewAction('sql.update', parameters, context)).toEqual({
      summary: `UPDATE runs SET status = 'FAILED' WHERE id = '7'`,
      warning: `could not read what it would change: db does not answer. ${NOT_APPLIED}`,
      unread: 'could not read what it would change: db does not answer',
    })
  })

  test('names the guarantee when it is weaker than exactly once', async () => {
    const promise = async (kind: string, parameters: JsonObject, ledger = 'target') => {
      const targets = new Proxy(
        {},
        { get: (_, name) => async () => (name === 'postgres' ? { ledger } : Promise.reject(new Error('away'))) },
      ) as Targets
      return (await previewAction(kind, parameters, { ...context, targets })).guarantee
    }
    const change = { connection: 'db', table: 'runs', where: { id: '7' }, set: { status: 'FAILED' } }
    expect(await promise('sql.update', change)).toBeUndefined()
    expect(await promise('sql.update', change, 'none')).toBe('at most once, then observed: this database has no ledger')
    expect(await promise('bullmq.retry', { connection: 'queue', id: 'x' })).toBe('at most once')
    const run = { connection: 'ctl', command: 'restart' }
    expect(await promise('process.run', run)).toContain('a person settles it')
    expect(await promise('process.run', { ...run, idempotent: true })).toContain('at least once')
    expect(await promise('notify', { channel: 'platform', message: 'x' })).toBeUndefined()
  })
})
