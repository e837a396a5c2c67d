// npm run test:full: everything of npm test, then the C++ tests under ThreadSanitizer, and C++ tests, addon
// tests and longer fuzzing under AddressSanitizer and UndefinedBehaviorSanitizer. Under an hour on 2 cores.
//   --fuzz-seconds N   for each fuzz target (default 120)
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sanitizedEnvironment, sanitizedFolder as asan, sanitizerOptions as options } from './sanitized.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
process.chdir(root)
const fuzzFlag = process.argv.indexOf('--fuzz-seconds')
const fuzzSeconds = fuzzFlag < 0 ? '120' : process.argv[fuzzFlag + 1]
const results = []

/** Runs one part; the rest goes on when it fails, so that one run tells everything. */
function part (title, command, args, env = {}) {
  console.log(`\n== ${title}`)
  const started = Date.now()
  const { status, signal } = spawnSync(command, args, { stdio: 'inherit', env: { ...process.env, ...env } })
  const seconds = ((Date.now() - started) / 1000).toFixed(0)
  results.push({ title, ok: status === 0 })
  console.log(`== ${title}: ${status === 0 ? 'ok' : `failed (${signal ?? `exit ${status}`})`}, ${seconds} s`)
  return status === 0
}

/** GCC 12's ThreadSanitizer ends with "unexpected memory mapping" where addresses are randomised more than it expects. */
function threadSanitized (program) {
  return [[program], ['setarch', '-R', program]].find(([command, ...args]) => spawnSync(command, [...args, '--list']).status === 0)
}

part('npm test', process.execPath, ['scripts/test.mjs'])
part('conformance in full sizes', process.execPath, ['--import', 'tsx', 'test/conformance/millrace.timing.ts'], { CONFORMANCE_SIZES: 'full' })

const jobs = String(availableParallelism())
const tsan = 'build-tsan'
if (part('build with ThreadSanitizer', 'cmake', ['-S', '.', '-B', tsan, '-DCMAKE_BUILD_TYPE=RelWithDebInfo', '-DMILLRACE_BUILD_TESTS=ON', '-DMILLRACE_SANITIZE=thread']) &&
    part('compile', 'cmake', ['--build', tsan, '--parallel', jobs, '--target', 'millrace_tests'])) {
  const command = threadSanitized(join(tsan, 'millrace_tests'))
  if (command === undefined) console.log('skipped: C++ tests under ThreadSanitizer (it does not start here: address randomisation that it cannot cope with, and that setarch may not turn off)')
  else part('C++ tests under ThreadSanitizer', command[0], command.slice(1), { TSAN_OPTIONS: 'halt_on_error=1' })
}

const fuzzMinutes = String(Number(fuzzSeconds) / 60)
part('fuzzing of the server', process.execPath, ['scripts/fuzz-server.mjs', '--minutes', fuzzMinutes])
part('fuzzing of the server with the demo model', process.execPath, ['scripts/fuzz-server.mjs', '--minutes', fuzzMinutes, '--model', 'models/millrace-demo'])
if (part('build with AddressSanitizer and UBSan', process.execPath, ['scripts/build-native.mjs', '--sanitize'])) {
  part('C++ tests under AddressSanitizer', join(asan, 'millrace_tests'), [], options)
  const targets = readdirSync('test/native/fuzz').filter(name => /^fuzz_(?!main).*\.cpp$/.test(name))
  for (const name of targets.map(file => file.slice(0, -'.cpp'.length))) {
    part(`${name}, ${fuzzSeconds} s`, join(asan, name), ['--seconds', fuzzSeconds], options)
  }
  const tests = ['native', 'engine'].flatMap(folder => readdirSync(join('test', folder)).filter(name => name.endsWith('.test.ts')).map(name => join('test', folder, name)))
  for (const file of tests) {
    part(`${file} with the sanitized addon`, process.execPath, ['--expose-gc', '--import', 'tsx', file], sanitizedEnvironment())
  }
  part('fuzzing of the server with the sanitized addon', process.execPath, ['scripts/fuzz-server.mjs', '--sanitizer', 'address', '--minutes', fuzzMinutes])
}

const failed = results.filter(result => !result.ok)
for (const { title } of failed) console.log(`failed: ${title}`)
console.log(`${results.length - failed.length} passed, ${failed.length} failed`)
process.exit(failed.length > 0 ? 1 : 0)
