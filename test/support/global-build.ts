/** Builds the code for tests that start real processes. Takes about 20 ms if the build is up to date. */
export default async function build(): Promise<void> {
  const script = new URL('../../scripts/build.js', import.meta.url).href
  const { ensureBuilt } = (await import(script)) as { ensureBuilt(): Promise<void> }
  // Code is emitted despite type errors, so that tests can still run; `npm run check` reports the errors.
  await ensureBuilt().catch((error: unknown) => console.error(error instanceof Error ? error.message : error))
}
