import type { RoundView } from './view-types.ts'

/** What a person answered to the form of a manual step, to be added to the detail of its effect; empty where nothing was answered. */
export function answersText({ answers = {} }: Pick<RoundView['effects'][number], 'answers'>): string {
  const texts = Object.entries(answers).map(([name, value]) => `${name}: ${value}`)
  return texts.length === 0 ? '' : `. Answers: ${texts.join('; ')}`
}
