import { z } from 'zod'
import { ROLES } from '../core/access.ts'
import { plain } from './plain.ts'

const oneOrMore = z.array(plain).min(1)

export const grant = z
  .strictObject({
    role: z
      .enum(ROLES, `is one of ${ROLES.join(', ')}`)
      .describe(
        '`viewer`: may read. `operator`: may also open incidents, act on them and freeze remedies. `approver`: may also approve and reject, where `approval.by` of the runbook names a group of the person. `admin`: may also end a freeze, close a breaker, and start and end maintenance.',
      ),
    people: z.array(plain).default([]).describe('The people who get the role, by name.'),
    groups: z.array(plain).default([]).describe('The groups whose members get the role.'),
    types: oneOrMore
      .optional()
      .describe('Incident types. The role is only for incidents of these types and their runbooks.'),
    runbooks: oneOrMore
      .optional()
      .describe('Names of runbooks. The role is only for these runbooks and their incidents.'),
    connections: oneOrMore
      .optional()
      .describe(
        'Connections. The role is only for runbooks whose checks and remedies use no other connection, and for their incidents.',
      ),
  })
  .refine(({ people, groups }) => people.length + groups.length > 0, 'name at least one of "people" or "groups"')

type Unknown = { path: PropertyKey[]; message: string }

/**
 * Names in the grants that the file does not define. A name of a person is accepted if there is an identity provider, because its people
 * need not be in the file.
 */
export function unknownInAccess(file: {
  access?: z.output<typeof grant>[] | undefined
  connections: Record<string, unknown>
  people: Record<string, unknown>
  oidc?: unknown
}): Unknown[] {
  const { access = [], connections, people, oidc } = file
  return access.flatMap((one, i) => [
    ...unknown(['access', i, 'connections'], 'connection', one.connections ?? [], connections),
    ...(oidc === undefined ? unknown(['access', i, 'people'], 'person', one.people, people) : []),
  ])
}

function unknown(path: PropertyKey[], what: string, names: string[], known: Record<string, unknown>): Unknown[] {
  return names.flatMap((name, at) =>
    Object.hasOwn(known, name)
      ? []
      : [{ path: [...path, at], message: `${[...path, at].join('.')}: there is no ${what} "${name}"` }],
  )
}
