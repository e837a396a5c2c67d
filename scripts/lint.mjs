// npm run lint: ESLint (rules and layout of TypeScript and JavaScript), tsc, clang-format.
//   --fix   mend what can be mended: npm run format
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const fix = process.argv.includes('--fix')

function nativeSources (folder) {
  return readdirSync(folder, { recursive: true })
    .filter(name => /\.(cpp|hpp|cu|cuh)$/.test(name))
    .map(name => join(folder, name))
}

const sources = ['native', 'test/native', 'test/fakes', 'test/gpu', 'cuda', 'test/cuda', 'bench/gpu'].flatMap(nativeSources)
const checks = [
  ['eslint', ['--max-warnings', '0', ...(fix ? ['--fix'] : []), '.']],
  ['tsc', ['-p', 'tsconfig.json', '--noEmit']],
  ['clang-format', [...(fix ? ['-i'] : ['--dry-run', '--Werror']), ...sources]]
]
let failed = false
for (const [command, args] of checks) {
  const { status } = spawnSync(join('node_modules', '.bin', command), args, { stdio: 'inherit' })
  console.error(`${command}: ${status === 0 ? 'ok' : 'failed'}`)
  failed ||= status !== 0
}
process.exit(failed ? 1 : 0)
