import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { CallFilter, type CallRules, type TakenCall } from '../../src/engine/call-filter.js'
import { ChoiceOutput } from '../../src/engine/choice-output.js'
import { hermes } from '../../src/model/chat/tool-calls/hermes.js'
import { llama3 } from '../../src/model/chat/tool-calls/llama3.js'
import { mistral } from '../../src/model/chat/tool-calls/mistral.js'
import type { ToolFormat } from '../../src/model/chat/tool-calls/tool-format.js'
import { Random, testSeed } from '../support/random.js'

interface Output {
  readonly text: string
  readonly tokenIds: readonly number[]
  readonly names: readonly string[]
  readonly stoppedAt: number | undefined
}

/** What tokens of these texts become; a token's id is its place. */
function outputOf (texts: readonly string[], filter: CallFilter, stops: readonly string[] = [], isEnded = true): Output {
  const output = new ChoiceOutput(0, { push: id => texts[id]!, end: () => '' }, stops, false, { calls: filter })
  const chunks: string[] = []
  const tokenIds: number[] = []
  let stoppedAt: number | undefined
  const take = (): void => {
    const chunk = output.take()
    if (chunk !== undefined) chunks.push(chunk.text)
    tokenIds.push(...chunk?.tokenIds ?? [])
  }
  for (const id of texts.keys()) {
    if (output.push(id)) stoppedAt = id
    take()
    if (stoppedAt !== undefined) break
  }
  if (stoppedAt === undefined) output.end(isEnded)
  take()
  return { text: chunks.join(''), tokenIds, names: output.calls.map(({ name }) => name), stoppedAt }
}

function filterOf (format: ToolFormat, specials: ReadonlyMap<number, string>, rules: CallRules): CallFilter {
  return new CallFilter(format, specials, rules, place => `id${place}`)
}

const call = ['<tool_call>', '{"name": ', '"a"', '}', '</tool_call>']

t.test('the tokens of a call are no part of the text, those around it keep their text', async t => {
  t.match(outputOf(['Hi', ' there', ...call, ' and', ' so'], filterOf(hermes, new Map(), { takesMalformed: true })),
    { text: 'Hi there and so', tokenIds: [0, 1, 7, 8], names: ['a'] })
})

t.test('a token that lies in text and call counts to the first of them', async t => {
  t.match(outputOf(['Hi<tool', '_call>{"name": "a"}</tool_c', 'all>!', '?'], filterOf(hermes, new Map(), { takesMalformed: true })), { text: 'Hi!?', tokenIds: [0, 3], names: ['a'] })
})

t.test('special tokens of the format have no text, and begin a call', async t => {
  const specials = new Map([[1, '[TOOL_CALLS]'], [3, '[ARGS]']])
  t.match(outputOf(['Well.', '', 'now', '', '{}'], filterOf(mistral, specials, { takesMalformed: true })), { text: 'Well.', tokenIds: [0], names: ['now'] })
  t.match(outputOf(['[TOOL_CALLS]', 'now{}'], filterOf(mistral, new Map(), { takesMalformed: true })), { text: '', names: ['now'] }, 'or are written out')
})

t.test('what cannot be read is a call where somebody tells the model, and text where nobody does', async t => {
  const texts = ['<tool_call>', 'oops', '</tool_call>', '.']
  t.match(outputOf(texts, filterOf(hermes, new Map(), { takesMalformed: true })), { text: '.', tokenIds: [3], names: [''] })
  t.match(outputOf(texts, filterOf(hermes, new Map(), { takesMalformed: false })), { text: texts.join(''), tokenIds: [0, 1, 2, 3], names: [] })
})

t.test('stop strings are looked for in the text, not in calls', async t => {
  t.match(outputOf(['x', ...call, ' "a" ', 'y'], filterOf(hermes, new Map(), { takesMalformed: true }), ['"a"']), { text: 'x ', names: ['a'], stoppedAt: 6 })
})

t.test('a call that the length cut is text, to the last token', async t => {
  t.match(outputOf(['x ', ...call.slice(0, 3)], filterOf(hermes, new Map(), { takesMalformed: true }), [], false), { text: 'x <tool_call>{"name": "a"', tokenIds: [0, 1, 2, 3], names: [] })
})

t.test('the only call that an answer may have ends it, and what stood before it is text at once', async t => {
  const isSingle = { takesMalformed: false, isSingle: true }
  t.match(outputOf(['Hi', ...call, ' and', ...call], filterOf(hermes, new Map(), isSingle), ['Hi there']), { text: 'Hi', names: ['a'], stoppedAt: 5 })
  t.match(outputOf(['[TOOL_CALLS]', '[{"name": "a"}, {"name": "b"}]', '!'], filterOf(mistral, new Map(), isSingle)), { names: ['a'], stoppedAt: 1 })
  t.match(outputOf([...call.slice(0, -1), '</tool_call> and so'], filterOf(hermes, new Map(), isSingle)), { text: '', names: ['a'], stoppedAt: 4 }, 'within one token too')
})

t.test('calls of tools that are not allowed are text, and do not count as the only one', async t => {
  const rules = { takesMalformed: true, allowed: new Set(['b']), isSingle: true }
  t.match(outputOf([...call, '{"name": "b"}', '<tool_call>{"name": "b"}</tool_call>'], filterOf(hermes, new Map(), rules)), { text: `${call.join('')}{"name": "b"}`, names: ['b'], stoppedAt: 6 })
})

/** All deltas of an answer that comes in these pieces, put together by call, and its calls. */
function deltasOf (texts: readonly string[], filter: CallFilter, isEnded = true): { told: Array<{ id: string, name: string | undefined, text: string, isComplete: boolean }>, calls: readonly TakenCall[], deltas: number, text: string } {
  const output = new ChoiceOutput(0, { push: id => texts[id]!, end: () => '' }, [], false, { calls: filter })
  const told: Array<{ id: string, name: string | undefined, text: string, isComplete: boolean }> = []
  let deltas = 0
  let text = ''
  const take = (): void => {
    const chunk = output.take()
    text += chunk?.text ?? ''
    for (const { id, name, arguments: args, isComplete = false } of chunk?.toolCallDeltas ?? []) {
      deltas++
      const known = told.find(call => call.id === id)
      if (known === undefined) told.push({ id, name, text: args, isComplete })
      else {
        t.equal(name, undefined, 'a name comes once')
        known.text += args
        known.isComplete ||= isComplete
      }
    }
  }
  for (const id of texts.keys()) {
    const isDone = output.push(id)
    take()
    if (isDone) return { told, calls: output.calls, deltas, text }
  }
  output.end(isEnded)
  take()
  return { told, calls: output.calls, deltas, text }
}

const args = '{ "city": "K\\u00f6ln \\"}", "list": [1.0, {"a": {}}], "name": "x", "arguments": {"b": 12345678901234567890}}'
const written: ReadonlyArray<readonly [what: string, format: ToolFormat, before: string, texts: readonly string[], behind: string]> = [
  ['Hermes', hermes, 'So. <tool_call>\n{"name": "weather", "arguments": ', [args, '}\n</tool_call>\n<tool_call>{"name":"now","arguments":', '{}'], '}</tool_call>'],
  ['Llama with a tag', llama3, '<|python_tag|>{"name": "weather", "parameters": ', [args], '}'],
  ['plain JSON', llama3, '{"type": "function", "name": "weather", "parameters": ', [args, '}; {"name": "now", "parameters": ', '{}'], '}'],
  ['a list of Mistral', mistral, '[TOOL_CALLS] [{"name": "weather", "arguments": ', [args, '}, {"name": "now", "arguments": ', '{ }'], '}]'],
  ['Mistral with tags', mistral, 'Well.[TOOL_CALLS]weather[ARGS]', [args, '[TOOL_CALLS]now[CALL_ID]123456789[ARGS]', '{}'], '']
]

t.test('arguments come as they are written, the same however the answer is cut into tokens', async t => {
  for (const [what, format, before, parts, behind] of written) {
    const answer = before + parts.join('') + behind
    const expected = parts.filter((_, i) => i % 2 === 0).map((text, i) => ({ id: `id${i}`, name: i === 0 ? 'weather' : 'now', text, isComplete: true }))
    const rules = { takesMalformed: false }
    for (let border = 0; border <= answer.length; border++) {
      const { told, calls } = deltasOf([answer.slice(0, border), answer.slice(border)], filterOf(format, new Map(), rules))
      if (!isDeepStrictEqual(told, expected)) t.fail(`${what}, cut at ${border}: ${JSON.stringify(told)}`)
      if (!isDeepStrictEqual(calls.map(call => [call.id, call.name, call.argumentsText]), expected.map(call => [call.id, call.name, call.text]))) t.fail(`${what}, cut at ${border}`)
    }
    const single = deltasOf([...answer], filterOf(format, new Map(), rules))
    t.same(single.told, expected, what)
    t.ok(single.deltas > args.length, 'each character is told of')
    t.same(single.calls.map(call => call.arguments), expected.map(({ text }) => JSON.parse(text)))
    const first = deltasOf([...answer], filterOf(format, new Map(), { ...rules, isSingle: true }))
    t.same(first.told, expected.slice(0, 1), `${what}: only one`)
    t.equal(first.calls.length, 1)
  }
})

t.test('a call is told of once its name is known and its arguments have begun, and no sooner', async t => {
  const tokens = ['<tool_call>', '{"name"', ': "a"', ', "arguments": ', '{', '"b": 1', '}', '}', '</tool_call>']
  const filter = filterOf(hermes, new Map(), { takesMalformed: false })
  const output = new ChoiceOutput(0, { push: id => tokens[id]!, end: () => '' }, [], false, { calls: filter })
  const deltas = tokens.map((_, id) => {
    output.push(id)
    return output.take()?.toolCallDeltas
  })
  t.same(deltas, [undefined, undefined, undefined, undefined, [{ id: 'id0', name: 'a', arguments: '{' }], [{ id: 'id0', arguments: '"b": 1' }], [{ id: 'id0', arguments: '}' }], undefined,
    [{ id: 'id0', arguments: '', isComplete: true }]])
})

t.test('arguments that cannot be told of while they are written come whole with the call', async t => {
  for (const [answer, text] of [
    ['<tool_call>{"arguments": {"b": 1}, "name": "a"}</tool_call>', '{"b":1}'],
    ['<tool_call>{"name": "a", "arguments": "{\\"b\\": 1}"}</tool_call>', '{"b":1}'],
    ['<tool_call>{"name": "a"}</tool_call>', '{}'],
    ['<tool_call>{"name": "a", "arguments": null}</tool_call>', '{}']
  ] as const) {
    t.same(deltasOf([...answer], filterOf(hermes, new Map(), { takesMalformed: false })).told, [{ id: 'id0', name: 'a', text, isComplete: true }], answer)
  }
})

t.test('what turns out to be no call is text, and never complete; the next call has an id of its own', async t => {
  const rules = { takesMalformed: false }
  const good = '<tool_call>{"name": "b", "arguments": {}}</tool_call>'
  for (const bad of ['{"name": "a", "arguments": {"x": oops}}', '{"name": "a", "arguments": {"x": 1}', `{"name": "a", "arguments": ${'{"x":'.repeat(70)}1${'}'.repeat(70)}}`]) {
    const answer = `<tool_call>${bad}</tool_call>`
    const { told, calls, text } = deltasOf([...(answer + good)], filterOf(hermes, new Map(), rules))
    t.equal(text, answer)
    t.match(told, [{ id: 'id0', name: 'a', isComplete: false }, { id: 'id1', name: 'b', text: '{}', isComplete: true }])
    t.same(calls.map(({ id }) => id), ['id1'])
    t.same(deltasOf([answer + good], filterOf(hermes, new Map(), rules)).told.map(({ name }) => name), ['b'], 'of what is there at once nobody is told too soon')
  }
  const cut = deltasOf([...'<tool_call>{"name": "a", "arguments": {"x": 1'], filterOf(hermes, new Map(), rules), false)
  t.match(cut, { told: [{ text: '{"x": 1', isComplete: false }], calls: [], text: '<tool_call>{"name": "a", "arguments": {"x": 1' })
  const others = deltasOf([...good], filterOf(hermes, new Map(), { ...rules, allowed: new Set(['a']) }))
  t.match(others, { told: [], calls: [], text: good }, 'calls that are not allowed')
})

t.test('what JSON says twice counts as it was told', async t => {
  const answer = '<tool_call>{"name": "a", "arguments": {"x": 1}, "name": "b", "arguments": {"x": 2}}</tool_call>'
  const { told, calls } = deltasOf([...answer], filterOf(hermes, new Map(), { takesMalformed: false }))
  t.same(told, [{ id: 'id0', name: 'a', text: '{"x": 1}', isComplete: true }])
  t.match(calls, [{ name: 'a', arguments: { x: 1 } }])
})

t.test('random answers: deltas put together are the calls, in any format and any pieces', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  const junk = ['{"name": "a", "arguments": ', '{"x": 1', '}', '{', '"', '\\', '\n', ' ', ',', ':', ']', '[', 'é', '<tool_call>', '</tool_call>', '[TOOL_CALLS]', '[ARGS]', '<|python_tag|>', 'f', '"name"', '"arguments"']
  for (let i = 0; i < 6000; i++) {
    const format = random.pick([hermes, llama3, mistral])
    const answer = random.pick(['<tool_call>', '[TOOL_CALLS]', '']) + Array.from({ length: random.integer(0, 16) }, () => random.pick(junk)).join('')
    const pieces: string[] = []
    for (let at = 0; at < answer.length;) {
      pieces.push(answer.slice(at, at += random.integer(1, 9)))
    }
    const rules = { takesMalformed: random.chance(0.5), isSingle: random.chance(0.3) }
    const { told, calls } = deltasOf(pieces, filterOf(format, new Map(), rules), random.chance(0.7))
    const complete = told.filter(({ isComplete }) => isComplete).map(({ id, name, text }) => [id, name, text])
    const taken = calls.filter(({ error }) => error === undefined).map(({ id, name, argumentsText }) => [id, name, argumentsText])
    if (!isDeepStrictEqual(complete.sort(), taken.sort())) t.fail(`${format.name} ${JSON.stringify(pieces)}: told ${JSON.stringify(complete)}, read ${JSON.stringify(taken)}`)
    for (const { argumentsText, arguments: args } of calls) if (!isDeepStrictEqual(JSON.parse(argumentsText), args)) t.fail(`${argumentsText} is not ${JSON.stringify(args)}`)
  }
})

t.test('an answer of 300,000 tokens that turns out to be text after all comes out whole', async t => {
  const count = 300_000
  const texts = ['<tool_call>', ...Array<string>(count).fill('x')]
  const filter = filterOf(hermes, new Map(), { takesMalformed: false })
  const logprob = { tokenId: 1, token: 'x', bytes: [120], logprob: -1, top: [] }
  const output = new ChoiceOutput(0, { push: id => texts[id]!, end: () => '' }, ['stop'], true, { calls: filter })
  for (const id of texts.keys()) output.push(id, logprob)
  output.end(false)
  const chunk = output.take('length')
  t.equal(chunk?.tokenIds.length, count + 1)
  t.equal(output.choice().logprobs?.length, count + 1)
})
