import t from 'tap'
import { buildProgram, runCli } from '../../src/cli/program.js'
import { engineOptions, flagOf } from '../../src/engine/options.js'
import { serverOptions } from '../../src/server/index.js'
import { memoryIo } from '../support/memory-io.js'
import { fixture } from '../support/fixtures.js'

const model = fixture('models/qwen3')

/** Runs a command line in this process. */
async function run (argv: readonly string[], options: Parameters<typeof memoryIo>[0] = {}): Promise<{ code: number, out: string, err: string }> {
  const io = memoryIo(options)
  const code = await runCli(argv, io)
  await new Promise(resolve => setImmediate(resolve))
  return { code, out: io.out(), err: io.err() }
}

t.test('every command has help with examples', async t => {
  const commands = buildProgram(memoryIo()).commands.map(command => command.name())
  t.same(commands, ['serve', 'chat', 'generate', 'inspect', 'devices', 'simulate', 'replay'])
  for (const argv of [[], ...commands.map(name => [name])]) {
    const { code, out } = await run([...argv, '--help'])
    t.equal(code, 0)
    t.match(out, /^Usage: millrace/)
    t.match(out, /Examples:\n {2}\$ .*millrace/)
  }
  t.match(await run(['--version']), { code: 0, out: /^\d+\.\d+\.\d+\n$/ })
  t.match(await run([]), { code: 0, out: /^Usage: millrace/ })
})

t.test('serve has a flag for every option of the engine and the server', async t => {
  const { out } = await run(['serve', '--help'])
  for (const [name, schema] of Object.entries({ ...engineOptions, ...serverOptions })) {
    const flag = 'default' in schema && schema.default === true ? flagOf(name).replace('--', '--no-') : flagOf(name)
    t.match(out, new RegExp(`^ {2}${flag}\\b`, 'm'))
  }
})

t.test('a wrong command line exits with 2 and names what was probably meant', async t => {
  t.match(await run(['sevre']), { code: 2, err: /^millrace: unknown command 'sevre'\n\(Did you mean serve\?\)/, out: '' })
  t.match(await run(['serve', '--prot', '1']), { code: 2, err: /unknown option '--prot'\n\(Did you mean --port\?\)/ })
  t.match(await run(['generate', '--max-model-length', '1']), { code: 2, err: /Did you mean --max-model-len\?/ })
  t.match(await run(['inspect']), { code: 2, err: /missing required argument 'model'/ })
  t.match(await run(['inspect', 'a', 'b']), { code: 2, err: /too many arguments/ })
  t.match(await run(['serve', '--port']), { code: 2, err: /argument missing/ })
  t.match(await run(['serve', '--port', '99999']), { code: 2, err: /^millrace: port is "99999"; .*65535/ })
  t.match(await run(['serve'], { env: { PORT: 'x' } }), { code: 2, err: /port is "x"/ })
  t.match(await run(['serve', '--max-num-seqs', 'many']), { code: 2, err: /maxNumSeqs is "many".*--max-num-seqs/ })
  t.match(await run(['serve', '--kv-dtype', 'f64']), { code: 2, err: /one of auto, f32, f16, bf16/ })
  t.match(await run(['generate', model, '--prompt', 'x', '--temperature', 'hot']), { code: 2, err: /--temperature is "hot".*0 to 2/ })
  t.match(await run(['generate', model]), { code: 2, err: /no prompt.*--prompt/ })
})

t.test('a failure exits with 1 and one line; a stack comes only with --debug', async t => {
  const plain = await run(['generate', '/no/such/model', '--prompt', 'x'])
  t.match(plain, { code: 1, out: '', err: /^millrace: There is no file or folder \/no\/such\/model\.\n$/ })
  const debug = await run(['generate', '/no/such/model', '--prompt', 'x', '--debug'])
  t.match(debug, { code: 1, err: /\n\s+at / })
  t.match(await run(['serve', model], { env: { HOST: '0.0.0.0' } }), { code: 1, err: /--api-key/ })
  const tooLong = await run(['generate', model, '--prompt', 'mill '.repeat(500)])
  t.match(tooLong, { code: 1, err: /^millrace: The prompt has \d+ tokens/ })
})

t.test('inspect shows shapes, formats, and what KV costs', async t => {
  const { code, out } = await run(['inspect', fixture('models/qwen3-bf16'), '--tokens', '1000'])
  t.equal(code, 0)
  for (const line of [/^architecture +qwen3$/m, /^attention +4 heads of 32, 2 KV heads$/m, /^layers +2: hidden size 64/m, /^BF16 +24 +107 k +208\.9 KiB$/m,
    // 2 (K and V) x 2 layers x 2 heads x 32 x 2 bytes = 512 B.
    /^bf16 +512 B +500\.0 KiB$/m, /^f32 +1\.0 KiB +1000\.0 KiB$/m]) t.match(out, line)
  const json = JSON.parse((await run(['inspect', fixture('gguf/qwen3-q8_0.gguf'), '--json'])).out)
  t.match(json, { format: 'gguf', architecture: 'qwen3', layers: 2, kv: { bytesPerToken: { bf16: 512 } } })
  t.ok(json.dtypes.some((entry: { dtype: string }) => entry.dtype === 'Q8_0'))
})

t.test('devices lists what is there, also as JSON', async t => {
  t.match(await run(['devices']), { code: 0, out: /^cpu:0 +\d+ .*\byes\b/m })
  const { devices, machine } = JSON.parse((await run(['devices', '--json'])).out)
  t.match(devices[0], { name: 'cpu:0', usable: true })
  t.ok(machine.threads >= 1)
})

t.test('generate writes the text alone to stdout, from a flag or a pipe, and the same one for the same seed', async t => {
  const flags = ['--max-tokens', '8', '--temperature', '1', '--seed', '5']
  const byFlag = await run(['generate', model, '--prompt', 'the mill', ...flags])
  const byPipe = await run(['generate', model, ...flags], { stdin: 'the mill\n' })
  t.equal(byFlag.code, 0)
  t.equal(byFlag.out, byPipe.out)
  t.match(byFlag.err, /^\[8 tokens, TTFT \d+ ms, [\d.]+ tokens\/s, prompt of \d+.*\]\n$/)
  const json = JSON.parse((await run(['generate', model, '--prompt', 'the mill', '--json', ...flags])).out)
  t.equal(json.choices[0].text + '\n', byFlag.out)
  t.match(json, { model: 'qwen3', usage: { completionTokens: 8 }, choices: [{ finishReason: 'length' }] })
  const raw = JSON.parse((await run(['generate', model, '--prompt', 'the mill', '--raw', '--json', ...flags])).out)
  t.ok(raw.usage.promptTokens < json.usage.promptTokens, 'the chat template is not around it')
})

t.test('chat answers line by line, and its commands work', async t => {
  const stdin = 'hello\n\n/rest\n/system You are a mill.\nagain\n/reset\n/help\n/exit\nnever\n'
  const { code, out, err } = await run(['chat', model, '--max-tokens', '5', '--temperature', '0'], { stdin })
  t.equal(code, 0)
  t.equal((err.match(/\[\d+ tokens?, TTFT/g) ?? []).length, 2, 'two answers')
  t.match(err, /no command \/rest\. Did you mean \/reset\?/)
  t.match(err, /system message is set/)
  t.match(err, /conversation is forgotten/)
  t.equal(out.split('\n').length, 3)
})
