#!/usr/bin/env node
import { processIo } from './io.js'
import { runCli } from './program.js'

// A reader that has seen enough, as in `millrace inspect … | head`, is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => { process.exit(error.code === 'EPIPE' ? 0 : 1) })

const code = await runCli(process.argv.slice(2), processIo())
// Whatever still runs, such as a model that was being loaded, has nobody to report to; output goes out first.
process.stdout.write('', () => process.stderr.write('', () => process.exit(code)))
