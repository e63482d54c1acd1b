import { existsSync } from 'node:fs'

/**
 * Runs the `main` of a built module; in a clone it is installed and built first. The process ends by itself when nothing
 * is left to do, so that output in a pipe is never cut.
 *
 * @param {string} module below dist, e.g. `src/cli/main.js`; exports `main(argv: string[]): Promise<number>`, the exit code
 */
export async function runBuilt(module) {
  try {
    // An installed package has no scripts: it is built. Who started us has built what is to run, and says so.
    if (!process.env.RUNBOOK_BUILT && existsSync(new URL('../scripts/build.js', import.meta.url)))
      await (await import('../scripts/build.js')).ensureBuilt()
    const { main } = await import(new URL(`../dist/${module}`, import.meta.url).href)
    process.exitCode = await main(process.argv.slice(2))
  } catch (error) {
    console.error(process.env.RUNBOOK_DEBUG ? error : (error?.message ?? error))
    process.exitCode = error?.exitCode ?? 1
  }
}
