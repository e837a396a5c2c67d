// npm test: the C++ tests, short fuzzing, and the TypeScript tests. Ends with "N passed, N failed".
// Arguments are passed on to tap (files, --grep, ...), and leave the C++ part out.
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Parser } from 'tap-parser'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const started = Date.now()
const given = process.argv.slice(2).flatMap(testsUnder)
const counts = { passed: 0, failed: 0, skipped: 0 }

/** tap takes files only, and passes over a folder without a word. */
function testsUnder (argument) {
  if (!existsSync(argument) || !statSync(argument).isDirectory()) return [argument]
  return filesUnder(argument, '.test.ts')
}

function filesUnder (folder, ending) {
  return readdirSync(folder, { recursive: true }).filter(name => name.endsWith(ending)).map(name => join(folder, name))
}

/** How a program ended: 0, its exit code, its signal, or why it did not start. */
async function end (child) {
  return await new Promise(resolve => {
    child.on('error', error => { resolve(error.message) })
    child.on('close', (code, signal) => { resolve(code ?? signal) })
  })
}

/** Runs a program that prints TAP and counts its leaves. */
async function runTap (title, command, args, env = {}) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } })
  const parser = new Parser()
  let leaves = 0
  parser.on('pass', () => { counts.passed++; leaves++ })
  parser.on('skip', test => {
    if (test.skip === 'no tests found') {
      counts.failed++
      console.log(`not ok: ${test.name} has no tests`)
      return
    }
    counts.skipped++
    console.log(`skipped: ${test.fullname || test.name} (${test.skip})`)
  })
  parser.on('fail', test => {
    counts.failed++
    leaves++
    console.log(`not ok: ${[test.fullname, test.name].filter(Boolean).join(' > ')}`)
    if (test.diag) console.log(JSON.stringify(test.diag, null, 2))
  })
  // Seeds of random tests, progress.
  parser.on('comment', comment => { if (/seed|preempted/.test(comment)) process.stdout.write(comment) })
  const done = new Promise(resolve => parser.on('complete', resolve))
  child.stdout.pipe(parser)
  const code = await end(child)
  const results = await done
  const ok = results.ok && code === 0 && leaves > 0
  console.log(`${title}: ${leaves} tests, ${ok ? 'ok' : `failed (exit ${code})`}`)
  if (!ok && counts.failed === 0) counts.failed++
}

async function runProgram (title, command, args) {
  const child = spawn(command, args, { stdio: 'inherit' })
  const code = await end(child)
  counts[code === 0 ? 'passed' : 'failed']++
  if (code !== 0) console.log(`not ok: ${title} (exit ${code})`)
}

// By itself tap leaves a core free: of two, half.
const tap = ['node_modules/tap/dist/esm/run.mjs', 'run', '--reporter=tap', `--jobs=${Math.min(8, availableParallelism())}`]
if (given.length === 0) {
  // What measures time runs while nothing else does: tap runs the files of one call side by side.
  for (const file of filesUnder('test', '.timing.ts')) await runTap(file, process.execPath, [...tap, file])
  await runTap('C++', 'build/millrace_tests', ['--tap'])
  const targets = readdirSync('test/native/fuzz').filter(name => /^fuzz_(?!main).*\.cpp$/.test(name))
  for (const name of targets.map(file => file.slice(0, -'.cpp'.length))) {
    await runProgram(`${name}, two seconds`, `build/${name}`, [])
  }
}
await runTap('TypeScript', process.execPath, [...tap, ...given])

console.log(`# ${((Date.now() - started) / 1000).toFixed(0)} s`)
console.log(`${counts.passed} passed, ${counts.failed} failed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''}`)
process.exit(counts.failed > 0 ? 1 : 0)
