// Runs command lines, one after the other, in this process: for tests of what a process finds once. Prints a
// list of what came of each.
import { runCli } from '../../src/cli/program.js'
import { memoryIo } from './memory-io.js'

const results = []
for (const argv of JSON.parse(process.argv[2]!) as string[][]) {
  const io = memoryIo()
  const status = await runCli(argv, io)
  results.push({ status, stdout: io.out(), stderr: io.err() })
}
console.log(JSON.stringify(results))
