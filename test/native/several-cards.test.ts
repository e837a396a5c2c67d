import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { loadAddon } from '../../src/native/addon.js'
import { injectable } from '../support/http.js'
import { loadTinyEngine } from '../support/tiny-engine.js'

// Two cards of the emulated plugin, the second one small (cuda/emulation/emulated_card.hpp).
const plugin = fileURLToPath(new URL('../../build/millrace_cuda_emulated.so', import.meta.url))
// One that sums on the CPU.
const nccl = fileURLToPath(new URL('../../build/libmillrace_fake_nccl.so', import.meta.url))
const failure = join(tmpdir(), `millrace-lost-card-${process.pid}`)
process.env['MILLRACE_CUDA_PLUGIN'] = plugin
process.env['MILLRACE_EMULATED_CARDS'] = '1024,256'
process.env['MILLRACE_EMULATED_FAILURE'] = failure
const skip = existsSync(plugin) ? false : 'needs the C++ tests, which build the emulated plugin'

t.teardown(() => { rmSync(failure, { force: true }) })

const prompts = ['Hello', 'Once upon a time']
const answersOn = async (t: Test, deviceMap: string, nccl = 'auto', sums = ''): Promise<number[][]> => {
  const engine = await loadTinyEngine({ deviceMap, nccl, maxModelLen: 64, maxBatchTokens: 64, kvBlocks: 12 })
  t.match(engine.info.exchange, sums)
  const answers = await Promise.all(prompts.map(async prompt =>
    [...(await engine.complete({ prompt, maxTokens: 8, temperature: 0, ignoreEos: true }).result()).choices[0]!.tokenIds]))
  await engine.close()
  return answers
}

t.setTimeout(120_000)

t.test('a model over two cards answers as on the CPU, by layers and with split layers', { skip }, async t => {
  const expected = await answersOn(t, 'cpu:0=0-1')
  t.same(await answersOn(t, 'cuda:0=0-0,cuda:1=1-1'), expected)
  t.same(await answersOn(t, 'cuda:0+cuda:1=0-1', 'off', 'cuda:0+cuda:1 by way of the host (--nccl is off)'), expected)
  t.same(await answersOn(t, 'cuda:0+cuda:1=0-1', nccl, 'cuda:0+cuda:1 by NCCL 2.23.4'), expected)
})

t.test('an NCCL that is not there, or is none, is an error that names the path', { skip }, async t => {
  const deviceMap = 'cuda:0+cuda:1=0-1'
  await t.rejects(loadTinyEngine({ deviceMap, nccl: '/nowhere/libnccl.so.2' }),
    { code: 'ERR_INVALID_OPTION', param: 'nccl', message: /nccl is \/nowhere\/libnccl\.so\.2, but there is no such file/ })
  await t.rejects(loadTinyEngine({ deviceMap, nccl: plugin }),
    { code: 'ERR_INVALID_OPTION', message: /nccl is .*millrace_cuda_emulated\.so, which cannot be used: it has no function ncclGetVersion/ })
})

t.test('a card that is too small for its part, or is not there, is refused by its name before anything is loaded', { skip }, async t => {
  const load = loadTinyEngine({ deviceMap: 'cuda:0=0-0,cuda:1=1-1', maxModelLen: 256, kvCacheMemory: '600MiB' })
  await t.rejects(load, { code: 'ERR_OUT_OF_MEMORY', message: /cuda:1 has 256\.0 MiB.*Lower --kv-cache-memory/ })
  await t.rejects(loadTinyEngine({ deviceMap: 'cuda:0=0-0,cuda:2=1-1' }),
    { code: 'ERR_DEVICE_UNAVAILABLE', message: /cuda:2 cannot be used: there are only cuda:0, cuda:1/ })
})

t.test('once a card is lost, its requests fail with 503, so does /health, and the process says why', { skip }, async t => {
  const engine = await loadTinyEngine({ deviceMap: 'cuda:0=0-0,cuda:1=1-1', maxModelLen: 64, maxBatchTokens: 64, kvBlocks: 12 })
  const { app } = await injectable(t, engine)
  const ask = async (maxTokens: number) => await app.inject({
    method: 'POST', url: '/v1/completions', payload: { model: engine.info.modelName, prompt: 'Hello', max_tokens: maxTokens, ignore_eos: true }
  })
  t.equal((await ask(2)).statusCode, 200)
  t.equal((await app.inject('/health')).statusCode, 200)
  const running = [ask(48), ask(48)]
  writeFileSync(failure, '')
  for (const response of await Promise.all(running)) {
    t.equal(response.statusCode, 503)
    t.match(response.json().error, { code: 'ERR_DEVICE_LOST', message: /Restart the server/ })
  }
  t.equal((await ask(2)).statusCode, 503)
  for (let again = 0; again < 2; again++) t.equal((await app.inject('/health')).statusCode, 503)
  t.match(loadAddon().devices().find(({ name }) => name === 'cuda:0'), { usable: false, reason: /lost/ })
})
