// npm run fuzz:server: the server's fuzz tests, in long.
//   --minutes N           for each of them (default 5)
//   --sanitizer address   on an addon that is built with AddressSanitizer and UBSan, in build-asan/
//   --seed N              repeats a run
//   --model FOLDER        in place of a tiny model of random weights, such as models/millrace-demo
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { sanitizedEnvironment } from './sanitized.mjs'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))

function options () {
  try {
    const { values } = parseArgs({ options: { minutes: { type: 'string', default: '5' }, sanitizer: { type: 'string' }, seed: { type: 'string' }, model: { type: 'string' } } })
    if (!(Number(values.minutes) > 0)) throw new Error(`--minutes is ${values.minutes}; it must be a number above 0`)
    if (values.sanitizer !== undefined && values.sanitizer !== 'address') throw new Error(`--sanitizer is ${values.sanitizer}; there is address`)
    return values
  } catch (error) {
    console.error(`fuzz:server: ${error.message}`)
    process.exit(2)
  }
}

const { minutes, sanitizer, seed, model } = options()
if (sanitizer === 'address') {
  const { status } = spawnSync(process.execPath, ['scripts/build-native.mjs', '--sanitize', '--addon-only'], { stdio: 'inherit' })
  if (status !== 0) process.exit(1)
}
const env = {
  ...process.env,
  ...sanitizer === 'address' ? sanitizedEnvironment() : {},
  ...seed === undefined ? {} : { MILLRACE_TEST_SEED: seed },
  ...model === undefined ? {} : { MILLRACE_FUZZ_MODEL: model },
  MILLRACE_FUZZ_MINUTES: minutes
}
let failures = 0
for (const file of ['test/server/fuzz-requests.test.ts', 'test/server/fuzz-socket.test.ts']) {
  console.log(`== ${file}, ${minutes} minutes${sanitizer === undefined ? '' : `, ${sanitizer} sanitizer`}`)
  const { status } = spawnSync(process.execPath, ['--expose-gc', '--import', 'tsx', file], { stdio: 'inherit', env })
  if (status !== 0) failures++
}
process.exit(failures > 0 ? 1 : 0)
