/** `once`, `3 times`: how often a round looked again, from the number of its looks. */
export function lookedAgain(looks: number): string {
  return looks === 2 ? 'once' : `${looks - 1} times`
}
