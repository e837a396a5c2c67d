// Builds the native addon with cmake-js (incremental: well under a second when nothing changed).
//   --optional   a missing compiler is a message, not a failure: for `npm install`
//   --tests      the C++ tests and fuzz drivers too
//   --sanitize   address,undefined into build-asan/, with the tests
//   --addon-only  without them
// Node built-ins only, besides cmake-js itself.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const flags = new Set(process.argv.slice(2))
const optional = flags.has('--optional')
if (optional && process.env.MILLRACE_SKIP_NATIVE === '1') process.exit(0)

function has (command, args = ['--version']) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0
}

function giveUp (message) {
  console.error(message)
  process.exit(optional ? 0 : 1)
}

const missing = []
if (!has('cmake')) missing.push('CMake 3.22 or newer')
if (!['c++', 'g++', 'clang++'].some(command => has(command))) missing.push('a C++20 compiler (g++ 11 or clang 14, or newer)')
if (!has('ninja') && !has('make')) missing.push('ninja or make')
if (missing.length > 0) {
  giveUp(`millrace: the native engine was not built. Missing: ${missing.join('; ')}.\n` +
    'On Debian or Ubuntu: apt-get install cmake g++ ninja-build. Then: npm run build:native')
}

/** Where npm put it: beside this package when it is a dependency of another. */
function findCmakeJs () {
  try {
    return join(dirname(createRequire(import.meta.url).resolve('cmake-js/package.json')), 'bin', 'cmake-js')
  } catch {
    return giveUp('millrace: cmake-js is not installed. Run: npm ci')
  }
}

const cmakeJs = findCmakeJs()
// The published package has no tests.
const testsOption = `MILLRACE_BUILD_TESTS=${existsSync(join(root, 'test/native')) ? 'ON' : 'OFF'}`

const sanitize = flags.has('--sanitize')
const out = join(root, sanitize ? 'build-asan' : 'build')
// CMake refuses a cache that was made for another folder, and cmake-js does not configure a second time, not
// even when the first time failed or was interrupted.
const cache = join(out, 'CMakeCache.txt')
if (existsSync(cache)) {
  const text = readFileSync(cache, 'utf8')
  const isOurs = text.includes(`CMAKE_HOME_DIRECTORY:INTERNAL=${root.replace(/\/$/, '')}\n`) && text.includes(testsOption.replace('=', ':BOOL='))
  const isConfigured = ['build.ninja', 'Makefile'].some(name => existsSync(join(out, name)))
  if (!isOurs || !isConfigured) rmSync(out, { recursive: true })
}

// A compile job of this project takes up to 700 MB. What is available counts the limit of a container.
const jobs = Math.max(1, Math.min(availableParallelism(), Math.floor(process.availableMemory() / 7e8)))
const withTests = flags.has('--tests') || (sanitize && !flags.has('--addon-only'))
// The tests are configured when they are there, and built only when they are asked for.
const args = [cmakeJs, 'build', '--out', out, '--config', sanitize ? 'RelWithDebInfo' : 'Release', '--parallel', String(jobs),
  `--CD${testsOption}`, ...(withTests ? [] : ['--target', 'millrace'])]
if (sanitize) args.push('--CDMILLRACE_SANITIZE=address,undefined')
const built = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', process.stdout.isTTY ? 'inherit' : 'pipe', 'inherit'] })
if (built.status !== 0) {
  giveUp(`${built.stdout ?? ''}\nmillrace: the native build failed (above). See docs/building.md.`)
}
