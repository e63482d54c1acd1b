import { sqlUpdate } from '../../src/language/kinds/sql-update.ts'
import { previewWith, type Action } from './action.ts'
import { describeUpdate } from './describe-update.ts'
import { displayUpdate } from './display-sql.ts'
import { guardedWrite, readDeclaration } from './guarded-update.ts'

export const sqlUpdateAction: Action = {
  kind: sqlUpdate,
  implementation: { protocol: 'sql', write: guardedWrite },
  async preview(parameters, { targets }) {
    const declared = readDeclaration(parameters)
    return previewWith(displayUpdate(declared.table, declared.set, declared.where), async () => {
      const target = await targets.postgres(declared.connection, 'read')
      return describeUpdate(declared, guardedWrite(parameters), target)
    })
  },
}
