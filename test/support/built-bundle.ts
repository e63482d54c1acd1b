import { fileURLToPath } from 'node:url'

/**
 * The workflow code of workflows/incident.ts, as scripts/build.js bundled it before the tests. Bundling it again in each
 * test file would take seconds.
 */
export const BUILT_BUNDLE = { codePath: fileURLToPath(new URL('../../dist/workflow-bundle.js', import.meta.url)) }
