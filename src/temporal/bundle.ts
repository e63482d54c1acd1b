import { mkdir, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleWorkflowCode, type WorkflowBundleOption } from '@temporalio/worker'

const WORKFLOWS = fileURLToPath(new URL('../../workflows/incident.js', import.meta.url))
const PAYLOAD_CONVERTER = fileURLToPath(new URL('../../workflows/payload-converter.js', import.meta.url))
const INTERPRETER = fileURLToPath(new URL('../interpreter/run-incident.js', import.meta.url))
const BUNDLE = fileURLToPath(new URL('../../workflow-bundle.js', import.meta.url))

/** Bundles the workflow code when the project is built: at a worker's start bundling would take seconds. */
export async function bundle(): Promise<void> {
  const { code } = await bundleWorkflowCode({
    workflowsPath: WORKFLOWS,
    payloadConverterPath: PAYLOAD_CONVERTER,
    logger: quiet,
    // The only state of this module is a cache of compiled expressions, so all workflows of a worker can share it. Otherwise each workflow
    // would load its own copy, which takes half a megabyte and some milliseconds for every incident.
    preloadModules: [INTERPRETER],
  })
  await mkdir(dirname(BUNDLE), { recursive: true })
  await writeFile(BUNDLE, code)
}

/** The bundle in the build's output. Throws if it is missing. */
export function builtBundle(): WorkflowBundleOption {
  if (!existsSync(BUNDLE)) throw new Error(`${BUNDLE} is missing: run "npm run build"`)
  return { codePath: BUNDLE }
}

const quiet = { log() {}, trace() {}, debug() {}, info() {}, warn: console.warn, error: console.error }
