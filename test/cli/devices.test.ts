import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { fixture } from '../support/fixtures.js'

const built = (path: string): string => fileURLToPath(new URL(`../../build/${path}`, import.meta.url))
const script = fileURLToPath(new URL('../support/run-cli.ts', import.meta.url))
const emulated = built('millrace_cuda_emulated.so')
const other = built('libmillrace_fake_cublaslt.so')
const needsTests = existsSync(emulated) ? false : 'needs the C++ tests, which build the emulated plugin'

interface Result { readonly status: number, readonly stdout: string, readonly stderr: string }

/** A process of its own: the plugin is looked for once. */
function run (plugin: string, commands: string[][], env: Record<string, string> = {}): Result[] {
  const printed = execFileSync(process.execPath, ['--import', 'tsx', script, JSON.stringify(commands)],
    { env: { ...process.env, MILLRACE_CUDA_PLUGIN: plugin, ...env }, encoding: 'utf8' })
  return JSON.parse(printed) as Result[]
}

const generate = (device: string): string[] =>
  ['generate', fixture('models/qwen3'), '--prompt', 'Hello', '--max-tokens', '2', '--max-model-len', '256', '--device', device]
const noPlugin = existsSync(built('Release/millrace_cuda.so')) ? 'the plugin is built here' : false
const timeout = 120_000
t.setTimeout(2 * timeout)

t.test('without a plugin there is no cuda device: devices says why, and a card that is named is an error', { skip: noPlugin, timeout }, async t => {
  const [listed, named] = run('', [['devices'], generate('cuda:0')])
  t.equal(listed!.status, 0)
  t.match(listed!.stdout, /^cuda .*\bno .*NVIDIA GPUs$/m)
  t.match(listed!.stdout, /^cuda: the CUDA plugin is not built; npm run build:cuda does it where nvcc is installed\.$/m)
  t.match(named, { status: 1, stdout: '', stderr: /^millrace: cuda:0 cannot be used: the CUDA plugin is not built; npm run build:cuda .*--device cpu:0 runs the model without a card\.\n$/m })
})

t.test('a plugin that is not there, or no plugin, is the reason', { timeout, skip: needsTests }, async t => {
  const [missing, named] = run('/no/such/plugin.so', [['devices'], generate('cuda:0')])
  t.match(missing, { status: 0, stdout: /^cuda: the CUDA plugin could not be loaded: \/no\/such\/plugin\.so: cannot open/m })
  t.match(named, { status: 1, stderr: /cuda:0 cannot be used: the CUDA plugin could not be loaded/ })
  t.match(run(other, [['devices']])[0], { status: 0, stdout: /^cuda: .*libmillrace_fake_cublaslt\.so is not a plugin of millrace\.$/m })
})

t.test('a card is listed; one that is not there is an error that says which are, and so is a model it has no memory for', { timeout, skip: needsTests }, async t => {
  const [listed, json, absent, refused] = run(emulated, [['devices'], ['devices', '--json'], generate('cuda:7'), generate('cuda:0')], { MILLRACE_EMULATED_CARDS: '1' })
  t.match(listed, { status: 0, stdout: /^cuda:0 .*\b8\.0 .*\byes\b/m })
  const card = (JSON.parse(json!.stdout) as { devices: Array<{ name: string }> }).devices.find(({ name }) => name === 'cuda:0')
  t.match(card, { usable: true, reason: '', memoryBytes: 2 ** 20, freeBytes: 2 ** 20 })
  t.match(absent, { status: 1, stdout: '', stderr: /^millrace: cuda:7 cannot be used: there is only cuda:0\./m })
  t.match(refused, {
    status: 1,
    stderr: /weights .* \+ KV cache for 256 tokens .* \(.* each\) \+ workspace .* = .*, but .* can be used \(95 % of the .* that are free; cuda:0 has 1\.0 MiB\)\. \S.*--\S+/
  })
})
