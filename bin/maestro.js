#!/usr/bin/env node
import { runBuilt } from './run-built.js'

await runBuilt('examples/maestro/cli/main.js')
