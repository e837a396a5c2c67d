import t from 'tap'
import { hubEnvironment } from '../../../src/model/hub/environment.js'
import { isSafePath, parseHubName } from '../../../src/model/hub/model-name.js'
import { locateModel } from '../../../src/model/locate.js'

t.test('a name has a repository, and perhaps a revision and a file', async t => {
  t.same(parseHubName('org/name'), { repo: 'org/name', revision: 'main', file: undefined })
  t.same(parseHubName('Qwen/Qwen2.5-0.5B@v1.0'), { repo: 'Qwen/Qwen2.5-0.5B', revision: 'v1.0', file: undefined })
  t.same(parseHubName('o/n@refs/pr/3:sub/m-Q8_0.gguf'), { repo: 'o/n', revision: 'refs/pr/3', file: 'sub/m-Q8_0.gguf' })
})

t.test('a name that could leave the cache or the hub\'s path is refused', async t => {
  for (const name of ['name', 'a/b/c', '../b', 'a/..', './b', 'a/.b', 'a/b.', 'a/b--c', 'a/b..c', 'a/b@', 'a/b@../x', 'a/b@x/../../y',
    'a/b:', 'a/b:x.bin', 'a/b:../x.gguf', 'a/b:/x.gguf', 'a/b:x\\..\\y.gguf', 'a/b:x\0.gguf', 'a b/c', 'a/b?c', 'a/b#c', 'a/%2e%2e', 'ä/b', '']) {
    t.throws(() => parseHubName(name), { code: 'ERR_MODEL_NOT_FOUND', statusCode: 404 }, JSON.stringify(name))
  }
})

t.test('a safe path has ordinary segments only', async t => {
  for (const path of ['a', 'a/b.c', 'Model Q8 (1).gguf', 'a+b=c,d.gguf']) t.ok(isSafePath(path), path)
  for (const path of ['', '/', '/a', 'a/', 'a//b', '.', '..', 'a/../b', '.hidden', 'a\\b', 'a:b', 'a\nb', 'a.', 'x'.repeat(501)]) {
    t.notOk(isSafePath(path), JSON.stringify(path))
  }
})

t.test('the environment\'s variables mean what they mean to Hugging Face\'s tools', async t => {
  const home = t.testdir({ '.cache': { huggingface: { token: ' stored\n' } }, other: 'named' })
  t.same(await hubEnvironment({ HOME: home }), {
    cacheDir: `${home}/.cache/huggingface/hub`, endpoint: 'https://huggingface.co', token: 'stored', isOffline: false
  })
  t.same(await hubEnvironment({ HOME: home, HF_HUB_CACHE: '/c', HF_TOKEN: 't', HF_ENDPOINT: 'http://mirror:80/', HF_HUB_OFFLINE: '1' }), {
    cacheDir: '/c', endpoint: 'http://mirror:80', token: 't', isOffline: true
  })
  t.match(await hubEnvironment({ HF_HOME: '/h', HF_TOKEN_PATH: `${home}/other` }), { cacheDir: '/h/hub', token: 'named' })
  t.equal((await hubEnvironment({ XDG_CACHE_HOME: '/x' })).cacheDir, '/x/huggingface/hub')
  for (const endpoint of ['mirror', 'ftp://mirror', 'http://']) {
    await t.rejects(hubEnvironment({ HF_ENDPOINT: endpoint }), { code: 'ERR_INVALID_PARAMETER', param: 'HF_ENDPOINT' }, endpoint)
  }
})

t.test('folders and GGUF files are found where they are', async t => {
  const folder = t.testdir({ tiny: {}, 'm.gguf': '', 'm.bin': '' })
  t.same(await locateModel(`${folder}/tiny`), { kind: 'folder', path: `${folder}/tiny`, name: 'tiny' })
  t.same(await locateModel(`${folder}/m.gguf`), { kind: 'gguf', path: `${folder}/m.gguf`, name: 'm' })
  await t.rejects(locateModel(`${folder}/m.bin`), { code: 'ERR_MODEL_NOT_FOUND', message: /neither a folder nor a .gguf file/ })
  await t.rejects(locateModel('./no/such'), { message: /There is no file or folder .*\/no\/such/ })
  await t.rejects(locateModel('nonsense'), { message: /"nonsense" is not a model. A model is a folder, a .gguf file, or org\/name/ })
})
