#!/usr/bin/env node
import { runBuilt } from './run-built.js'

await runBuilt('src/cli/main.js')
