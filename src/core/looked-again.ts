/** How often the checks of a round ran again, such as `once` or `3 times`, from the number of times that its diagnosis ran. */
export function lookedAgain(looks: number): string {
  return looks === 2 ? 'once' : `${looks - 1} times`
}
