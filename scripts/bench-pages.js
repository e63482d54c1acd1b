import { runBuilt } from '../bin/run-built.js'

await runBuilt('bench/pages.js')
