// What `npm start` and `npm test` need, made when it is missing or old: dependencies, the native addon,
// dist/. A second run takes about a second.
//   --dev            the test runner too
//   --native-tests   the C++ tests and fuzz drivers too
// Node built-ins only: this runs before anything is installed.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
process.chdir(root)
const flags = new Set(process.argv.slice(2))

const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`millrace needs Node 20.19 or newer; this is ${process.version}. See https://nodejs.org`)
  process.exit(1)
}

function run (command, args, env = {}) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', env: { ...process.env, ...env } })
  if (error !== undefined) console.error(`millrace: ${command} does not start: ${error.message}`)
  if (status !== 0) process.exit(status ?? 1)
}

/** Runs a step that may take long, with a line before it; returns when it began. */
function step (title, command, args, env) {
  console.error(`millrace setup: ${title}`)
  const began = new Date()
  run(command, args, env)
  return began
}

/** Dates a file from the beginning of the step that made it: what was edited meanwhile is newer. */
function stampFile (path, began) {
  if (!existsSync(path)) writeFileSync(path, '')
  utimesSync(path, began, began)
}

/** Folders count too: theirs changes when a file is deleted. */
function newestMs (folder) {
  let newest = statSync(folder).mtimeMs
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    newest = Math.max(newest, statSync(join(entry.parentPath ?? entry.path, entry.name)).mtimeMs)
  }
  return newest
}

// --include=dev, or an environment with NODE_ENV=production would build without the compiler's types.
const stamp = 'node_modules/.millrace-install'
const wanted = createHash('sha256').update(readFileSync('package-lock.json')).digest('hex')
if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
  const npmCli = process.env.npm_execpath
  const [command, args] = npmCli === undefined ? ['npm', []] : [process.execPath, [npmCli]]
  step('installing dependencies (npm ci, about a minute)', command,
    [...args, 'ci', '--include=dev', '--no-audit', '--no-fund'], { MILLRACE_SKIP_NATIVE: '1' })
  writeFileSync(stamp, wanted)
}

// tap makes its own test class on its first run; two runs at once would leave half of it.
const tapStamp = 'node_modules/.millrace-tap'
if (flags.has('--dev') && !(existsSync(tapStamp) && readFileSync(tapStamp, 'utf8') === wanted)) {
  step('preparing the test runner', process.execPath, [join('node_modules', 'tap', 'dist', 'esm', 'run.mjs'), 'build'])
  writeFileSync(tapStamp, wanted)
}

const addon = 'build/Release/millrace.node'
const testBinary = 'build/millrace_tests'
const withTests = flags.has('--native-tests')
const nativeArgs = ['scripts/build-native.mjs', ...(withTests ? ['--tests'] : [])]
const sources = ['native', ...(withTests ? ['cuda', 'test/native', 'test/cuda'] : [])]
const newestSource = Math.max(...sources.map(newestMs), statSync('CMakeLists.txt').mtimeMs)
const [addonStamp, testsStamp] = ['build/.millrace-addon', 'build/.millrace-tests']
const nativeStamp = withTests ? testsStamp : addonStamp
const nativeFresh = existsSync(addon) && (!withTests || existsSync(testBinary)) &&
  existsSync(nativeStamp) && statSync(nativeStamp).mtimeMs > newestSource
if (!nativeFresh) {
  const began = step(`compiling the native engine${withTests ? ' and its tests' : ''} (a minute or two the first time)`, process.execPath, nativeArgs)
  stampFile(addonStamp, began)
  if (withTests) stampFile(testsStamp, began)
}

// tsc leaves the files it has nothing new for, so its own build info tells when it last ran.
const info = 'dist/.tsbuildinfo'
const inputs = Math.max(newestMs('src'), statSync('tsconfig.json').mtimeMs, statSync('tsconfig.build.json').mtimeMs)
if (!existsSync(info) || !existsSync('dist/cli/main.js') || statSync(info).mtimeMs < inputs) {
  const began = step('compiling TypeScript', process.execPath, [join('node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.build.json'])
  stampFile(info, began)
}
