import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const script = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const skip = existsSync('/proc/self/status') ? false : 'needs /proc'

interface LoadMemory { readonly privateBytes: number, readonly weightsBytes: number }

function load (model: string, quantize: string): LoadMemory {
  const printed = execFileSync(process.execPath, ['--import', 'tsx', script('test/support/load-memory.ts'), model, quantize], { encoding: 'utf8' })
  return JSON.parse(printed) as LoadMemory
}

t.test('loading takes the weights and little more', { skip, timeout: 120_000 }, async t => {
  const folder = join(t.testdir({}), 'small')
  execFileSync(process.execPath, [script('bench/make-checkpoint.mjs'), '--shape', 'small', '--dtype', 'bf16', '--out', folder], { stdio: 'ignore' })
  const mebi = 2 ** 20
  for (const quantize of ['none', 'int4']) {
    const { privateBytes, weightsBytes } = load(folder, quantize)
    t.ok(weightsBytes > 20 * mebi, `${quantize}: ${weightsBytes} bytes of weights`)
    // A KV cache of 256 MiB is asked for, and must not be there yet.
    const beyondBytes = privateBytes - weightsBytes
    t.ok(beyondBytes < 150 * mebi, `${quantize}: ${beyondBytes / mebi} MiB more than the weights`)
  }
})
