import type { RoundView } from './view-types.ts'

/**
 * The answers of a person to the form of a manual step, as an addition to the detail of the step's effect. Empty if there are no answers.
 */
export function answersText({ answers = {} }: Pick<RoundView['effects'][number], 'answers'>): string {
  const texts = Object.entries(answers).map(([name, value]) => `${name}: ${value}`)
  return texts.length === 0 ? '' : `. Answers: ${texts.join('; ')}`
}
