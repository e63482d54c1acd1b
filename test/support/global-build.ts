/** Tests start real processes, which run the built code. Takes some 20 ms when nothing is to be built. */
export default async function build(): Promise<void> {
  const script = new URL('../../scripts/build.js', import.meta.url).href
  const { ensureBuilt } = (await import(script)) as { ensureBuilt(): Promise<void> }
  // Code with type errors is emitted all the same, and most tests can run: `npm run check` is what refuses it.
  await ensureBuilt().catch((error: unknown) => console.error(error instanceof Error ? error.message : error))
}
