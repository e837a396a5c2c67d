import { access, lstat, readFile, readdir, writeFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { DownloadProgress } from '../../../src/model/hub/download.js'
import type { HubEnvironment } from '../../../src/model/hub/environment.js'
import { locateModel } from '../../../src/model/locate.js'
import { commit, gitSha1, sha256, startHub, type HubServer, type RepoFile } from '../support/hub-server.js'

const weights = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 2654435761) >>> 24))
const text = (value: unknown): RepoFile => ({ content: Buffer.from(JSON.stringify(value)), isLfs: false })
const large = (content: Buffer): RepoFile => ({ content, isLfs: true })

const files: Record<string, RepoFile> = {
  'config.json': text({ model_type: 'llama' }),
  'tokenizer.json': large(Buffer.from('{"model":{}}')),
  'model.safetensors': large(weights),
  'README.md': text('not needed'),
  'pytorch_model.bin': large(Buffer.alloc(10)),
  'q8/model q8.gguf': large(Buffer.from('GGUF')),
  '../evil.safetensors': large(Buffer.from('evil'))
}

interface Setup { hub: HubServer, env: HubEnvironment, snapshot: string, blobs: string }

async function setup (t: Test, repoFiles = files, repo = 'org/tiny'): Promise<Setup> {
  const hub = await startHub(repo, repoFiles)
  t.teardown(async () => { await hub.close() })
  const cacheDir = t.testdir()
  const folder = join(cacheDir, `models--${repo.replace('/', '--')}`)
  return {
    hub,
    env: { cacheDir, endpoint: hub.endpoint, token: undefined, isOffline: false },
    snapshot: join(folder, 'snapshots', commit),
    blobs: join(folder, 'blobs')
  }
}

const limits = { maxTries: 3, firstWaitMs: 1, stallMs: 500 }

t.test('a model is fetched into the cache\'s layout, with the needed files only', async t => {
  const { hub, env, snapshot, blobs } = await setup(t)
  const seen: DownloadProgress[] = []
  const location = await locateModel('org/tiny', { hub: env, limits, onProgress: progress => { seen.push(progress) } })
  t.same(location, { kind: 'folder', path: snapshot, name: 'org/tiny' })
  t.same((await readdir(snapshot)).sort(), ['config.json', 'model.safetensors', 'tokenizer.json'])
  t.ok((await lstat(join(snapshot, 'model.safetensors'))).isSymbolicLink())
  t.ok(weights.equals(await readFile(join(snapshot, 'model.safetensors'))))
  t.same((await readdir(blobs)).sort(),
    [gitSha1(files['config.json']!.content), sha256(files['tokenizer.json']!.content), sha256(weights)].sort())
  t.equal(await readFile(join(env.cacheDir, 'models--org--tiny/refs/main'), 'utf8'), commit)
  const last = seen.at(-1)!
  t.equal(last.doneBytes, last.totalBytes)
  t.ok(seen.some(({ file, doneBytes }) => file === 'model.safetensors' && doneBytes < last.totalBytes))

  hub.requests.length = 0
  t.equal((await locateModel('org/tiny', { hub: { ...env, isOffline: true } })).path, snapshot)
  t.equal(hub.requests.length, 0, 'the second time comes from the cache')
})

t.test('an interrupted download goes on where it ended, in the same run', async t => {
  const { hub, env, snapshot } = await setup(t)
  hub.faults.push({ status: 503 }, { cutAfter: 5 })
  await locateModel('org/tiny', { hub: env, limits })
  hub.requests.length = 0
  t.ok(weights.equals(await readFile(join(snapshot, 'model.safetensors'))))
})

t.test('an interrupted download goes on where it ended, in the next run', async t => {
  const { hub, env, snapshot, blobs } = await setup(t, { 'config.json': text({}), 'model.safetensors': large(weights) })
  hub.faults.push({ none: true }, { cutAfter: 100_000 }, { status: 500 }, { status: 500 })
  const error = await locateModel('org/tiny', { hub: env, limits }).then(() => new Error('it was fetched'), (error: Error) => error)
  t.match(error, { code: 'ERR_MODEL_DOWNLOAD', message: /^model.safetensors could not be fetched .*of 300000 bytes are kept/ })
  const keptBytes = Number(/(\d+) of 300000/.exec(error.message)?.[1])
  t.ok(keptBytes > 0 && keptBytes <= 100_000, `${keptBytes} bytes are kept`)
  await t.rejects(access(join(snapshot, 'model.safetensors')), 'nothing half-fetched has the file\'s name')
  t.same((await readdir(blobs)).filter(name => name.endsWith('.incomplete')), [`${sha256(weights)}.incomplete`])
  hub.requests.length = 0
  await locateModel('org/tiny', { hub: env, limits })
  t.same(hub.requests.map(({ path, range }) => [path, range]), [['model.safetensors', `bytes=${keptBytes}-`]])
  t.ok(weights.equals(await readFile(join(snapshot, 'model.safetensors'))))
})

t.test('a server that ignores ranges sends the whole file, which replaces the part', async t => {
  const { hub, env, snapshot, blobs } = await setup(t, { 'config.json': text({}), 'model.safetensors': large(weights) })
  await mkdir(blobs, { recursive: true })
  await writeFile(join(blobs, `${sha256(weights)}.incomplete`), 'other bytes')
  hub.faults.push({ none: true }, { ignoreRange: true })
  await locateModel('org/tiny', { hub: env, limits })
  t.ok(weights.equals(await readFile(join(snapshot, 'model.safetensors'))))
})

t.test('content that does not match its checksum is removed', async t => {
  for (const name of ['model.safetensors', 'config.json']) {
    const { hub, env, snapshot, blobs } = await setup(t, { 'config.json': text({}), 'model.safetensors': large(weights) })
    if (name === 'model.safetensors') hub.faults.push({ none: true })
    hub.faults.push({ corrupt: true })
    await t.rejects(locateModel('org/tiny', { hub: env, limits }), { code: 'ERR_MODEL_DOWNLOAD', message: new RegExp(`${name} arrived damaged`) })
    t.notOk((await readdir(blobs)).some(file => file.endsWith('.incomplete')))
    await t.rejects(access(join(snapshot, name)))
  }
})

t.test('a connection that falls silent is given up', async t => {
  const { hub, env } = await setup(t)
  hub.faults.push({ hang: true }, { hang: true })
  await t.rejects(locateModel('org/tiny', { hub: env, limits: { ...limits, maxTries: 2, stallMs: 50 } }),
    { code: 'ERR_MODEL_DOWNLOAD', message: /no data for 50 ms/ })
})

t.test('an abort ends the download, and keeps what has come', async t => {
  const { hub, env } = await setup(t)
  hub.faults.push({ hang: true })
  const abort = new AbortController()
  setTimeout(() => { abort.abort() }, 50)
  await t.rejects(locateModel('org/tiny', { hub: env, limits: { ...limits, stallMs: 60_000 }, signal: abort.signal }), { name: 'AbortError' })
})

t.test('shards are those of the index', async t => {
  const shards = {
    'config.json': text({}),
    'model.safetensors.index.json': text({ weight_map: { a: 'model-1.safetensors', b: 'model-2.safetensors', c: 'model-1.safetensors' } }),
    'model-1.safetensors': large(Buffer.from('one')),
    'model-2.safetensors': large(Buffer.from('two')),
    'model-3.safetensors': large(Buffer.from('of an older upload'))
  }
  const { env, snapshot } = await setup(t, shards)
  await locateModel('org/tiny', { hub: env, limits })
  t.same((await readdir(snapshot)).sort(), ['config.json', 'model-1.safetensors', 'model-2.safetensors', 'model.safetensors.index.json'])
  const { 'model-2.safetensors': _, ...incomplete } = shards
  const other = await setup(t, incomplete, 'org/lacking')
  await t.rejects(locateModel('org/lacking', { hub: other.env, limits }), { message: /has no file model-2.safetensors/ })
})

t.test('an index cannot name a path outside of the model', async t => {
  const { env } = await setup(t, { 'config.json': text({}), 'model.safetensors.index.json': text({ weight_map: { a: '../../../x' } }) })
  await t.rejects(locateModel('org/tiny', { hub: env, limits }), { code: 'ERR_MODEL_FILES', message: /no usable weight_map/ })
})

t.test('one GGUF file is fetched alone, from a folder with a space too', async t => {
  const { hub, env, snapshot } = await setup(t)
  const location = await locateModel('org/tiny:q8/model q8.gguf', { hub: env, limits })
  t.same(location, { kind: 'gguf', path: join(snapshot, 'q8/model q8.gguf'), name: 'org/tiny' })
  t.equal(await readFile(location.path, 'utf8'), 'GGUF')
  t.equal(hub.requests.length, 1)
  await t.rejects(locateModel('org/tiny:none.gguf', { hub: env, limits }), {
    code: 'ERR_MODEL_NOT_FOUND', message: /no file none.gguf. Its GGUF files: q8\/model q8.gguf/
  })
})

t.test('all parts of a split GGUF file are fetched', async t => {
  const { env, snapshot } = await setup(t, {
    'm-00001-of-00002.gguf': large(Buffer.from('1')), 'm-00002-of-00002.gguf': large(Buffer.from('2'))
  })
  await locateModel('org/tiny:m-00001-of-00002.gguf', { hub: env, limits })
  t.same(await readdir(snapshot), ['m-00001-of-00002.gguf', 'm-00002-of-00002.gguf'])
})

t.test('a repository without safetensors says what to name instead', async t => {
  const { env } = await setup(t, { 'a.gguf': large(Buffer.from('1')) })
  await t.rejects(locateModel('org/tiny', { hub: env, limits }), { code: 'ERR_MODEL_UNSUPPORTED', message: /GGUF files only.*org\/tiny:a.gguf/ })
})

t.test('the token goes with every call, and its lack is explained', async t => {
  const { hub, env } = await setup(t)
  hub.token = 'secret'
  await t.rejects(locateModel('org/tiny', { hub: env, limits }), { code: 'ERR_MODEL_NOT_FOUND', message: /private \(401\).*set HF_TOKEN/ })
  await t.rejects(locateModel('org/tiny', { hub: { ...env, token: 'wrong' }, limits }), { message: /HF_TOKEN is not valid/ })
  await locateModel('org/tiny', { hub: { ...env, token: 'secret' }, limits })
  t.ok(hub.requests.every(({ authorization }) => authorization === 'Bearer secret'))
})

t.test('each answer of the hub has its advice', async t => {
  const { hub, env } = await setup(t)
  for (const [status, advice] of [[403, /Accept its terms/], [404, /Check the spelling/], [429, /limits our rate/], [500, /answered 500/]] as const) {
    hub.listingStatus = status
    await t.rejects(locateModel('org/tiny', { hub: env, limits }), { message: advice })
  }
  await hub.close()
  await t.rejects(locateModel('org/tiny', { hub: env, limits }), {
    code: 'ERR_MODEL_DOWNLOAD', message: /cannot be reached for org\/tiny \(ECONNREFUSED\).*HF_ENDPOINT/
  })
})

t.test('offline, a model that is not complete in the cache is refused with what is missing', async t => {
  const { hub, env, snapshot } = await setup(t)
  const offline = { ...env, isOffline: true }
  await t.rejects(locateModel('org/tiny', { hub: offline }), { code: 'ERR_MODEL_NOT_FOUND', message: /not in .* HF_HUB_OFFLINE forbids/ })
  await mkdir(snapshot, { recursive: true })
  await writeFile(join(snapshot, 'config.json'), '{}')
  await t.rejects(locateModel(`org/tiny@${commit}`, { hub: offline }), { message: /missing: model.safetensors/ })
  t.equal(hub.requests.length, 0)
})
