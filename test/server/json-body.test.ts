import t from 'tap'
import { exceeded } from '../../src/server/json-body.js'
import { FakeEngine } from '../support/fake-engine.js'
import { injectable } from '../support/http.js'
import { Random } from '../support/random.js'

const isDeeperThan = (json: Buffer, depth: number): boolean => exceeded(json, depth, Infinity) === 'depth'
const deep = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels)

/** By parsing: what the scan must agree with. */
function depthOf (value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  return 1 + Math.max(0, ...Object.values(value).map(depthOf))
}

t.test('depth is counted outside of strings, whatever is in them', t => {
  for (const [json, depth] of [['1', 0], ['"[[["', 0], ['[]', 1], ['[[],[]]', 2], ['{"a":{"b":[]}}', 3], ['["\\"[[[", "\\\\", []]', 2], ['"\\\\\\"{{"', 0]] as const) {
    t.equal(isDeeperThan(Buffer.from(json), depth), false, json)
    if (depth > 0) t.equal(isDeeperThan(Buffer.from(json), depth - 1), true, json)
  }
  t.equal(isDeeperThan(Buffer.from('"never ends [[['), 0), false)
  t.end()
})

t.test('the scan agrees with a parser on random values', t => {
  const seed = Date.now() % 2 ** 31
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  const value = (levels: number): unknown => {
    if (levels === 0 || random.chance(0.3)) return Array.from({ length: random.integer(0, 6) }, () => random.pick(['"', '\\', '[', '}', 'ä', ':', ','])).join('')
    const items = Array.from({ length: random.integer(0, 3) }, () => value(levels - 1))
    return random.chance(0.5) ? items : Object.fromEntries(items.map((item, i) => [`"${i}\\[`, item]))
  }
  for (let i = 0; i < 500; i++) {
    const sample = value(random.integer(0, 6))
    const json = Buffer.from(JSON.stringify(sample))
    const depth = depthOf(sample)
    if (isDeeperThan(json, depth) || (depth > 0 && !isDeeperThan(json, depth - 1))) t.fail(json.toString())
  }
  t.end()
})

t.test('bodies that would take long to parse are refused quickly', async t => {
  const { app } = await injectable(t, new FakeEngine())
  const post = async (payload: string) => await app.inject({ method: 'POST', url: '/v1/completions', headers: { 'content-type': 'application/json' }, payload })
  const fine = await post(`{"model":"fake","prompt":"x","metadata":{"a":${deep(190)}}}`)
  t.equal(fine.statusCode, 200)
  const startMs = performance.now()
  const nested = await post(`{"model":"fake","prompt":"x","metadata":{"a":${deep(3_000_000)}}}`)
  t.equal(nested.statusCode, 400)
  t.match(nested.json().error, { code: 'ERR_MALFORMED_REQUEST', message: /200 levels/ })
  t.ok(performance.now() - startMs < 1000, 'before it was parsed')
  const wide = await post(`{"model":"fake","prompt":"x",${Array.from({ length: 600 }, (_, i) => `"k${i}":1`).join(',')}}`)
  t.match(wide.json().error, { code: 'ERR_MALFORMED_REQUEST', message: /500 fields/ })
  const members = await post(`{"model":"fake","prompt":"x","metadata":{${Array.from({ length: 250_001 }, (_, i) => `"${i.toString(36)}":1`).join(',')}}}`)
  t.match(members.json().error, { code: 'ERR_MALFORMED_REQUEST', message: /250000 members/ })
  const quotes = await post(`{"model":"fake","prompt":"${'\\\\'.repeat(2_000_000)}"}`)
  t.equal(quotes.statusCode === 200 || quotes.json().error.code === 'context_length_exceeded', true, 'long runs of backslashes are fine')
})

t.test('JSON within texts of the body is bounded like the body', async t => {
  const { app } = await injectable(t, new FakeEngine())
  const post = async (payload: object) => await app.inject({ method: 'POST', url: '/v1/chat/completions', payload: { model: 'fake', ...payload } })
  const before = process.cpuUsage().user
  const schema = await post({ messages: [{ role: 'user', content: 'x' }], guided_json: deep(3_000_000) })
  t.match(schema.json(), { error: { code: 'ERR_INVALID_PARAMETER', param: 'guided_json' } })
  const engine = new FakeEngine()
  const { app: other } = await injectable(t, engine)
  const call = { id: 'a', type: 'function', function: { name: 'f', arguments: `{"a":${deep(3_000_000)}}` } }
  const answer = await other.inject({
    method: 'POST', url: '/v1/chat/completions', payload: { model: 'fake', messages: [{ role: 'assistant', tool_calls: [call] }, { role: 'tool', tool_call_id: 'a', content: '1' }] }
  })
  t.equal(answer.statusCode, 200, 'arguments that are no JSON as it may be are a text, as the model may have written it')
  t.type((engine.chats[0]!.messages[0]!.tool_calls![0] as { function: { arguments: unknown } }).function.arguments, 'string')
  t.ok(process.cpuUsage().user - before < 1.5e6, 'and neither was parsed')
})
