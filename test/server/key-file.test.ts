import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ApiKeys } from '../../src/server/api-key.js'
import { parseKeyFile, readKeyFile } from '../../src/server/key-file.js'
import { FakeEngine } from '../support/fake-engine.js'
import { listening } from '../support/http.js'

t.test('a file has a key on each line, with a name and limits if its owner wants them', t => {
  const text = '# for all\n\nsk-one\n  sk-two\talice   # of the first floor\r\nsk-three bob@example.org requests=60 tokens=100000\nsk-four tokens=5\nsk#five\n'
  t.same(parseKeyFile(text), [
    { key: 'sk-one', name: undefined, limits: {} },
    { key: 'sk-two', name: 'alice', limits: {} },
    { key: 'sk-three', name: 'bob@example.org', limits: { requests: 60, tokens: 100_000 } },
    { key: 'sk-four', name: undefined, limits: { tokens: 5 } },
    { key: 'sk#five', name: undefined, limits: {} }
  ])
  t.end()
})

t.test('a line that is none is refused by its number, without the key in the message', t => {
  for (const rest of ['alice bob', 'requests=0', 'requests=1.5', 'reqs=5', 'a"b', 'x'.repeat(65)]) {
    t.throws(() => parseKeyFile(`sk-good\nsk-secret ${rest}\n`), { code: 'ERR_INVALID_OPTION', param: 'apiKeyFile', message: /^Line 2 (?!.*secret)/ }, rest)
  }
  t.throws(() => parseKeyFile('# none\n'), { code: 'ERR_INVALID_OPTION', message: /has none/ })
  t.throws(() => parseKeyFile('a\nb\na x\n'), { code: 'ERR_INVALID_OPTION', message: /twice/ })
  t.throws(() => readKeyFile('/nowhere/keys'), { code: 'ERR_INVALID_OPTION', param: 'apiKeyFile', message: /^(?!.*nowhere).*ENOENT/ })
  t.end()
})

t.test('a file that others can read is told apart', { skip: process.platform === 'win32' ? 'needs file modes' : false }, t => {
  const path = join(t.testdir({}), 'keys')
  writeFileSync(path, 'k\n', { mode: 0o600 })
  t.equal(readKeyFile(path).isExposed, false)
  chmodSync(path, 0o644)
  t.equal(readKeyFile(path).isExposed, true)
  t.end()
})

t.test('keys of a file open the server beside the others, and can be exchanged while it runs', async t => {
  const path = join(t.testdir({}), 'keys')
  writeFileSync(path, 'old one\nstays two\n', { mode: 0o600 })
  const server = await listening(t, new FakeEngine(), { host: '0.0.0.0', apiKey: 'given', apiKeyFile: path })
  const status = async (key: string): Promise<number> => (await fetch(`${server.url}/v1/models`, { headers: { authorization: `Bearer ${key}` } })).status
  for (const key of ['given', 'old', 'stays']) t.equal(await status(key), 200, key)
  t.equal(await status('one'), 401, 'a name is no key')
  writeFileSync(path, 'stays two\nnew three\n')
  server.reloadKeys!()
  t.same([await status('given'), await status('stays'), await status('new'), await status('old')], [200, 200, 200, 401])
  writeFileSync(path, '')
  t.throws(() => { server.reloadKeys!() }, { code: 'ERR_INVALID_OPTION' })
  t.equal(await status('new'), 200, 'a broken file changes nothing: it would open or close the server for all')
})

t.test('a key that stays keeps what it has spent, unless its limits change', t => {
  const keys = new ApiKeys([{ key: 'k', name: 'alice', limits: { requests: 1 } }])
  keys.check('Bearer k').limiter.admit(0)
  keys.replace([{ key: 'k', name: 'bob', limits: { requests: 1 } }, 'other'])
  t.equal(keys.check('Bearer k').name, 'bob')
  t.throws(() => { keys.check('Bearer k').limiter.admit(0) }, { code: 'ERR_RATE_LIMIT' })
  keys.replace([{ key: 'k', limits: { requests: 5 } }])
  t.doesNotThrow(() => { keys.check('Bearer k').limiter.admit(0) })
  t.end()
})
