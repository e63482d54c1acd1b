import { visibleText } from '../../src/core/displayable.ts'
import { textParameter } from '../../src/effects/action-parameters.ts'
import { manual } from '../../src/language/kinds/manual.ts'
import type { Action } from './action.ts'

export const manualAction: Action = {
  kind: manual,
  implementation: { protocol: 'person' },
  async preview(parameters) {
    return {
      summary: `a person does this and reports it as done: ${visibleText(textParameter(parameters, 'instructions'))}`,
      count: 1,
    }
  },
}
