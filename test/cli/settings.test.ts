import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { otherVariables, variableOf } from '../../src/cli/environment.js'
import { runCli } from '../../src/cli/program.js'
import { readSettings, serveOptions, type ServeSettings } from '../../src/cli/settings.js'
import { flagOf } from '../../src/engine/options.js'
import { memoryIo } from '../support/memory-io.js'

const folder = mkdtempSync(join(tmpdir(), 'millrace-config-'))
t.teardown(() => { rmSync(folder, { recursive: true }) })
let files = 0

function file (text: string, ending = 'yaml'): string {
  const path = join(folder, `${++files}.${ending}`)
  writeFileSync(path, text)
  return path
}

function settings (flags: Record<string, unknown>, env: Record<string, string> = {}): ServeSettings {
  return readSettings(flags, memoryIo({ env }), { model: 'demo', profilerState: 'cache' })
}

/** Through the command line, as users do; nothing is loaded. */
async function printed (argv: string[], env: Record<string, string> = {}): Promise<{ code: number, out: string, err: string }> {
  const io = memoryIo({ env: { HOME: '/nowhere', ...env } })
  const code = await runCli(['serve', ...argv, '--print-config'], io)
  await new Promise(resolve => setImmediate(resolve))
  return { code, out: io.out(), err: io.err() }
}

t.test('a flag goes before the environment, that before the file, that before the default', t => {
  const config = file('port: 1\nlogLevel: error\nbodyLimitBytes: 2000\nmaxNumSeqs: 3\n')
  const { all, server, engine } = settings({ config, port: '3' }, { MILLRACE_PORT: '2', MILLRACE_LOG_LEVEL: 'debug', PORT: '4' })
  t.same(all.get('port'), { value: 3, from: '--port' })
  t.same(all.get('logLevel'), { value: 'debug', from: 'MILLRACE_LOG_LEVEL' })
  t.same(all.get('bodyLimitBytes'), { value: 2000, from: config })
  t.same(all.get('drainTimeoutMs'), { value: 30_000, from: 'default' })
  t.same(server, { port: 3, bodyLimitBytes: 2000, logLevel: 'debug' }, 'defaults are left to those who have them')
  t.same(engine, { maxNumSeqs: 3, profilerState: 'cache' })
  t.same(settings({}, { PORT: '4', HOST: '::1' }).server, { host: '::1', port: 4 }, 'the short names of hosting platforms')
  t.same(settings({}, { MILLRACE_CONFIG: config }).server.port, 1)
  t.same(settings({ config: file('{"port": 9}') }, { MILLRACE_CONFIG: config }).server.port, 9)
  t.equal(settings({ config: file('model: org/name') }).model, 'org/name')
  t.equal(settings({ model: 'mine' }, { MILLRACE_MODEL: 'theirs' }).model, 'mine')
  t.end()
})

t.test('every option can be given by flag, by variable, and in YAML and JSON by both spellings', t => {
  const values: Record<string, unknown> = { integer: 64, number: 5, string: 'text', boolean: true }
  for (const [name, schema] of Object.entries(serveOptions)) {
    const value = schema.enum?.at(-1) ?? (schema.format === 'bytes' ? '3GiB' : schema.format === 'device-map' ? 'cpu:0=0-1' : values[[schema.type].flat()[0]!])
    // What cannot stand alone.
    const beside = { quantizeGroup: { quantize: 'int4' }, maxResidentSeqs: { pacing: 'qoe' }, readingTokensPerSec: { pacing: 'qoe' } }[name] ?? {}
    const small = schema.minimum !== undefined && schema.minimum > 64 ? schema.minimum : schema.maximum !== undefined && schema.maximum < 5 ? schema.maximum : name === 'maxLogprobs' ? 5 : value
    const ways: Array<[ServeSettings, string]> = [
      [settings({ ...beside, [name]: String(small) }), name === 'model' ? 'argument' : flagOf(name)],
      [settings(beside, { [variableOf(name)]: String(small) }), variableOf(name)]
    ]
    const yaml = file(`${flagOf(name).slice(2)}: ${JSON.stringify(small)}\n`)
    const json = file(JSON.stringify({ [name]: small }), 'json')
    ways.push([settings({ ...beside, config: yaml }), yaml], [settings({ ...beside, config: json }), json])
    for (const [{ all }, from] of ways) t.same(all.get(name), { value: small, from }, `${name} by ${from}`)
  }
  t.end()
})

t.test('what nobody knows, and what cannot be, is refused with its place and what was probably meant', t => {
  const cases: Array<[Record<string, unknown>, Record<string, string>, RegExp]> = [
    [{ config: file('max-num-seq: 3') }, {}, /1?\d+\.yaml: There is no option maxNumSeq\. Did you mean maxNumSeqs\?/],
    [{ config: file('port: http') }, {}, /\.yaml: port is "http"; it must be a whole number/],
    [{ config: file('port:') }, {}, /port is null/],
    [{ config: file('prefixCaching: yes') }, {}, /prefixCaching is "yes"; it must be true or false/],
    [{ config: file('- port') }, {}, /must be a map of options to values/],
    [{ config: file('port: [1\n') }, {}, /cannot be used: .* line \d+/],
    [{ config: file('port: 1\nport: 2') }, {}, /cannot be used: .*unique at line 2/],
    [{ config: file('{"port": 1,', 'json') }, {}, /cannot be used: .*line 1/],
    [{ config: '/no/such/file' }, {}, /The config file \/no\/such\/file cannot be used: there is no such file\.$/],
    [{}, { MILLRACE_PROT: '1' }, /no option for the variable MILLRACE_PROT\. Did you mean MILLRACE_PORT\?/],
    [{}, { MILLRACE_CONFIGS: 'x' }, /Did you mean MILLRACE_CONFIG\?/],
    [{}, { MILLRACE_PORT: 'http' }, /^MILLRACE_PORT: port is "http"/],
    [{ port: '1' }, { MILLRACE_PORT: 'http' }, /^MILLRACE_PORT/],
    [{ port: 'http' }, {}, /^port is "http".*--port/],
    [{}, { MILLRACE_MAX_BATCH_TOKENS: '1' }, /Raise --max-batch-tokens/]
  ]
  for (const [flags, env, message] of cases) t.throws(() => settings(flags, env), { code: 'ERR_INVALID_OPTION', message }, String(message))
  t.end()
})

t.test('an orchestrator that describes a service named millrace is no mistake, and sets no port', t => {
  const env = {
    MILLRACE_SERVICE_HOST: '10.0.0.1', MILLRACE_SERVICE_PORT: '80', MILLRACE_SERVICE_PORT_HTTP: '80', MILLRACE_PORT: 'tcp://10.0.0.1:80',
    MILLRACE_PORT_80_TCP: 'tcp://10.0.0.1:80', MILLRACE_PORT_80_TCP_PROTO: 'tcp', MILLRACE_PORT_80_TCP_PORT: '80', MILLRACE_PORT_80_TCP_ADDR: '10.0.0.1'
  }
  t.same(settings({}, env).all.get('port'), { value: 8000, from: 'default' })
  t.same(settings({}, { ...env, PORT: '7' }).all.get('port'), { value: 7, from: 'PORT' })
  t.end()
})

t.test('variables that other parts of the project read are known', t => {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const unknown = new Set<string>()
  for (const part of ['src', 'native', 'cuda', 'scripts']) {
    for (const name of readdirSync(join(root, part), { recursive: true, encoding: 'utf8' })) {
      if (!/\.(ts|mjs|mts|cpp|hpp|cu|cuh)$/.test(name)) continue
      for (const [, variable] of readFileSync(join(root, part, name), 'utf8').matchAll(/(?:getenv\("|env\.|env\[')(MILLRACE_\w+)/g)) {
        if (!otherVariables.includes(variable!) && !Object.keys(serveOptions).some(option => variableOf(option) === variable)) unknown.add(variable!)
      }
    }
  }
  t.same([...unknown], [])
  t.end()
})

t.test('--print-config shows every option with its place, hides keys, and is a config file again', async t => {
  const config = file('apiKey: [first-key, second-key]\nkvCacheMemory: 2GiB\npolicy: sjf\n')
  const { code, out, err } = await printed(['./model', '--config', config, '--port', '9', '--no-prefix-caching'], { MILLRACE_THREADS: '2' })
  t.equal(code, 0, err)
  t.match(out, /^model: "\.\/model" +# argument$/m)
  t.match(out, /^port: 9 +# --port$/m)
  t.match(out, /^threads: 2 +# MILLRACE_THREADS$/m)
  t.match(out, new RegExp(`^kvCacheMemory: "2GiB" +# ${config}$`, 'm'))
  t.match(out, /^prefixCaching: false +# --no-prefix-caching$/m)
  t.match(out, /^drainTimeoutMs: 30000 +# default$/m)
  t.match(out, /^# maxModelLen: +# decided by model and machine$/m)
  t.match(out, new RegExp(`^# apiKey: +# hidden; ${config}$`, 'm'))
  t.notMatch(out + err, /first-key|second-key/)
  for (const name of Object.keys(serveOptions)) t.match(out, new RegExp(`^(# )?${name}: `, 'm'), name)
  const again = await printed(['--config', file(out)])
  const values = (text: string): string[] => text.split('\n').filter(line => /^\w/.test(line)).map(line => line.replace(/ +#.*/, ''))
  t.same(values(again.out), values(out))
})

t.test('a flag turns back what a file says, both ways', async t => {
  const config = file('prefixCaching: false\ndeterministic: true\n')
  t.match((await printed(['--config', config])).out, /^prefixCaching: false /m)
  const { out } = await printed(['--config', config, '--prefix-caching', '--no-deterministic'])
  t.match(out, /^prefixCaching: true +# --prefix-caching$/m)
  t.match(out, /^deterministic: false +# --no-deterministic$/m)
})

t.test('a key that cannot be used is not shown either', async t => {
  const { code, err } = await printed(['--config', file('apiKey: {main: hidden-key}')])
  t.equal(code, 2)
  t.match(err, /apiKey is not usable/)
  t.notMatch(err, /hidden-key/)
})

t.test('options that hold keys are marked as secret', t => {
  for (const [name, { isSecret }] of Object.entries(serveOptions)) t.equal(isSecret === true, /^(api|admin)Keys?$/.test(name), name)
  t.end()
})
