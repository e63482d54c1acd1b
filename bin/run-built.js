import { existsSync } from 'node:fs'

/**
 * Runs the `main` of a built module; in a clone, installs and builds it first. Sets the exit code and lets the process end by
 * itself, so that output to a pipe is never cut.
 *
 * @param {string} module below dist, e.g. `src/cli/main.js`; exports `main(argv: string[]): Promise<number>`, the exit code. May export
 * `whileBuilding(): Promise<void>`, which runs while the workflow bundle is built, and only if it must be built.
 */
export async function runBuilt(module) {
  try {
    // An installed package is built and has no scripts. RUNBOOK_BUILT: the parent process has built everything already.
    const built = () => import(new URL(`../dist/${module}`, import.meta.url).href)
    if (!process.env.RUNBOOK_BUILT && existsSync(new URL('../scripts/build.js', import.meta.url)))
      await (await import('../scripts/build.js')).ensureBuilt(async () => (await built()).whileBuilding?.())
    const { main } = await built()
    process.exitCode = await main(process.argv.slice(2))
  } catch (error) {
    console.error(process.env.RUNBOOK_DEBUG ? error : (error?.message ?? error))
    process.exitCode = error?.exitCode ?? 1
  }
}
