import { runBuilt } from '../bin/run-built.js'

await runBuilt('src/cli/demo.js')
