import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Script } from 'node:vm'
import t from 'tap'
import { parse } from 'yaml'
import { otherVariables, variableOf } from '../src/cli/environment.js'
import { buildProgram } from '../src/cli/program.js'
import { readSettings, serveOptions } from '../src/cli/settings.js'
import { serverOptions } from '../src/server/index.js'
import { memoryIo } from './support/memory-io.js'
import { injectable } from './support/http.js'
import { loadTinyEngine } from './support/tiny-engine.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (name: string): string => readFileSync(`${root}deploy/${name}`, 'utf8')
const serveFlags = buildProgram(memoryIo()).commands.find(command => command.name() === 'serve')!.options.map(option => option.long)
const knownVariables = [...Object.keys(serveOptions).map(variableOf), ...otherVariables]
const { scripts } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { scripts: Record<string, string> }

/** Instructions with their continued lines, without comments. */
const instructions = read('Dockerfile').replace(/\\\n/g, ' ').split('\n').filter(line => line !== '' && !line.startsWith('#')).map(line => /^(\S+)\s+(.*)$/.exec(line)!.slice(1) as [string, string])
const valuesOf = (wanted: string): string[] => instructions.filter(([name]) => name === wanted).map(([, value]) => value)

t.test('what the units and files set is what serve takes', t => {
  const texts = ['Dockerfile', 'compose.yaml', 'millrace.service', 'millrace.yaml'].map(read)
  for (const text of texts) {
    for (const [variable] of text.matchAll(/\bMILLRACE_[A-Z_]+/g)) t.ok(knownVariables.includes(variable), variable)
    for (const [, flag] of text.matchAll(/serve[^\n]*?(--[a-z-]+)/g)) t.ok(serveFlags.includes(flag), flag!)
  }
  const { server, model } = readSettings({ config: `${root}deploy/millrace.yaml` }, memoryIo(), { model: 'demo' })
  t.match(server, { host: '0.0.0.0', port: 8000, logLevel: 'info' })
  t.not(model, 'demo')
  t.end()
})

t.test('the image copies what is there, runs scripts that are there, and refers to its own stages and arguments', t => {
  const stages = valuesOf('FROM').map(value => / AS (\S+)$/.exec(value)?.[1])
  const args = valuesOf('ARG').map(value => value.split('=')[0]!)
  for (const copy of valuesOf('COPY')) {
    const [, stage] = /--from=(\S+)/.exec(copy) ?? []
    if (stage !== undefined) t.ok(stages.includes(stage), copy)
    else for (const source of copy.split(' ').slice(0, -1)) t.ok(existsSync(root + source), source)
  }
  for (const [, script] of valuesOf('RUN').join('\n').matchAll(/npm run ([\w:]+)/g)) t.ok(Object.hasOwn(scripts, script!), script!)
  for (const [, arg] of valuesOf('FROM').join('\n').matchAll(/\$\{(\w+)\}/g)) t.ok(args.includes(arg!), arg!)
  for (const prefix of ['build', 'runtime']) {
    for (const variant of ['cpu', 'cuda']) t.ok(stages.includes(`${prefix}-${variant}`), `${prefix}-${variant}`)
  }
  const ignore = read('Dockerfile.dockerignore').split('\n')
  const sources = valuesOf('COPY').filter(copy => !copy.includes('--from')).flatMap(copy => copy.split(' ').slice(0, -1))
  t.same(sources.filter(source => !ignore.includes(`!${source}`)), [], 'nothing that is copied is ignored')
  t.end()
})

t.test('the image runs without rights, answers a health check and gets signals itself', t => {
  t.match(valuesOf('USER'), [/^[1-9]\d*:[1-9]\d*$/])
  t.same([valuesOf('ENTRYPOINT'), valuesOf('CMD')], [['["node", "dist/cli/main.js"]'], ['["serve"]']])
  t.ok(instructions.findIndex(([name]) => name === 'USER') > instructions.findLastIndex(([name]) => name === 'RUN'))
  const probe = JSON.parse(/CMD (\[.*\])$/.exec(valuesOf('HEALTHCHECK')[0]!)![1]!) as string[]
  t.doesNotThrow(() => new Script(probe[2]!))
  t.match(probe[2], '/health')
  t.end()
})

t.test('the unit gives answers time to finish and takes rights away', t => {
  const unit = read('millrace.service')
  const stopSec = Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)![1])
  t.ok(stopSec * 1000 > serverOptions.drainTimeoutMs.default)
  t.match(unit, /^ExecStart=\/usr\/bin\/millrace serve --config /m)
  t.match(unit, /^ExecReload=\/bin\/kill -HUP /m)
  for (const line of ['DynamicUser=yes', 'NoNewPrivileges=yes', 'ProtectSystem=strict', 'ProtectHome=yes', 'CapabilityBoundingSet=']) t.match(unit, new RegExp(`^${line}$`, 'm'))
  t.notMatch(unit, /^MemoryDenyWriteExecute=yes/m, 'V8 could not compile')
  t.end()
})

t.test('the compose file is YAML, builds from a file that is there, and waits for answers', t => {
  const { services: { millrace } } = parse(read('compose.yaml')) as { services: { millrace: any } }
  t.ok(existsSync(`${root}${millrace.build.dockerfile}`))
  t.ok(parseInt(millrace.stop_grace_period) * 1000 > serverOptions.drainTimeoutMs.default)
  const [config] = millrace.volumes as string[]
  t.ok(existsSync(`${root}deploy/${config!.split(':')[0]!}`))
  t.ok((millrace.command as string[]).includes(config!.split(':')[1]!))
  t.end()
})

t.test('every metric and label of the dashboard is one that the server has', async t => {
  const engine = await loadTinyEngine()
  t.teardown(async () => { await engine.close() })
  const { app } = await injectable(t, engine)
  await app.inject({ method: 'POST', url: '/v1/completions', payload: { model: 'qwen3', prompt: [1, 2, 3], max_tokens: 5 } })
  const exported = (await app.inject('/metrics')).payload
  const { panels, templating } = JSON.parse(read('grafana.json')) as { panels: any[], templating: any }
  const queries: string[] = [...panels.flatMap(panel => panel.targets.map((target: { expr: string }) => target.expr)), ...templating.list.map((one: { query: string }) => one.query)]
  let metrics = 0
  for (const query of queries) {
    for (const [name] of query.matchAll(/\b(?:vllm:|millrace:|http_|process_|nodejs_)\w+/g)) {
      metrics++
      t.match(exported, new RegExp(`^# TYPE ${name.replace(/_bucket$/, '')} ${name.endsWith('_bucket') ? 'histogram' : '(gauge|counter)'}$`, 'm'), name)
      for (const [, labels] of query.matchAll(/by \(([^)]+)\)/g)) {
        for (const label of labels!.split(', ')) t.match(exported, new RegExp(`^${name}\\{[^}]*\\b${label}="`, 'm'), `${label} of ${name}`)
      }
    }
  }
  t.ok(metrics > 30)
  const places = panels.map(({ gridPos: { x, y } }) => `${x} ${y}`)
  t.equal(new Set(places).size, panels.length, 'no panel covers another')
})
