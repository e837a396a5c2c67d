import t from 'tap'
import { CallParser, type AnswerPart } from '../../../../src/model/chat/tool-calls/call-parser.js'
import { detectToolFormat } from '../../../../src/model/chat/tool-calls/detect-format.js'
import { hermes } from '../../../../src/model/chat/tool-calls/hermes.js'
import { llama3 } from '../../../../src/model/chat/tool-calls/llama3.js'
import { mistral } from '../../../../src/model/chat/tool-calls/mistral.js'
import type { ToolFormat } from '../../../../src/model/chat/tool-calls/tool-format.js'
import { Random, testSeed } from '../../../support/random.js'

const formats = [hermes, llama3, mistral]

interface Reading {
  readonly text: string
  readonly calls: ReadonlyArray<readonly [name: string, args: unknown, hasError?: true]>
}

/** What a parser makes of a text that comes in these pieces. */
function partsOf (format: ToolFormat, pieces: readonly string[], isEnded = true): AnswerPart[] {
  const parser = new CallParser(format)
  return [...pieces.flatMap(piece => parser.push(piece)), ...parser.end(isEnded)]
}

function readingOf (parts: readonly AnswerPart[], text: string): Reading {
  let at = 0
  let shown = ''
  const calls: Array<readonly [string, unknown, true?]> = []
  for (const part of parts) {
    if (part.calls === undefined) shown += text.slice(at, at + part.chars)
    for (const call of part.calls ?? []) calls.push(call.error === undefined ? [call.name, call.arguments] : [call.name, call.arguments, true])
    at += part.chars
  }
  return { text: shown, calls }
}

const read = (format: ToolFormat, text: string, isEnded = true): Reading => readingOf(partsOf(format, [text], isEnded), text)

const call = '<tool_call>\n{"name": "weather", "arguments": {"city": "Köln"}}\n</tool_call>'
const weather = ['weather', { city: 'Köln' }] as const

t.test('Hermes: text before, between and behind calls stays text, without the blanks around them', async t => {
  t.same(read(hermes, `Let me see.\n${call}`), { text: 'Let me see.', calls: [weather] })
  t.same(read(hermes, `${call}\n${call}\n`), { text: '', calls: [weather, weather] })
  t.same(read(hermes, `a ${call} b`), { text: 'a b', calls: [weather] })
  t.same(read(hermes, ' no call <tool '), { text: ' no call <tool ', calls: [] })
  t.same(read(hermes, ''), { text: '', calls: [] })
})

t.test('Hermes: a closing tag within a string belongs to the string', async t => {
  const args = { note: 'a </tool_call> "b" \\', n: [1, { x: null }] }
  t.same(read(hermes, `<tool_call>${JSON.stringify({ name: 'write', arguments: args })}</tool_call>.`), { text: '.', calls: [['write', args]] })
})

t.test('Hermes: arguments may be a text with JSON in it, or missing; the closing tag may be missing where the answer ends', async t => {
  t.same(read(hermes, '<tool_call>{"name": "a", "arguments": "{\\"b\\": 1}"}</tool_call>').calls, [['a', { b: 1 }]])
  t.same(read(hermes, '<tool_call>{"name": "now"}').calls, [['now', {}]])
})

t.test('Hermes: what is no JSON object with a name is a call with an error, and the next call is read', async t => {
  for (const bad of ['{"name": "a", "arguments": {', '{"name": "a', '{\'name\': 1}', '', '[]', '{"name": 7}', '{"arguments": {}}',
    '{"name": "a"}}', '{"name": "a", "arguments": "b\n"}']) {
    const { text, calls } = read(hermes, `<tool_call>${bad}\n</tool_call>\n${call}`)
    t.same([text, calls.length, calls[0]?.[2], calls[1]], ['', 2, true, weather], bad)
  }
  for (const args of ['[]', '7', '"x"', 'null', `${'{"a":'.repeat(70)}1${'}'.repeat(70)}`]) {
    const { calls } = read(hermes, `<tool_call>{"name": "a", "arguments": ${args}}</tool_call>`)
    t.same(calls, [args === 'null' ? ['a', {}] : ['a', {}, true]], args)
  }
})

t.test('Hermes: a call that the length cut is text, one that the model left open is an error', async t => {
  const cut = 'x <tool_call>{"name": "a", "arg'
  t.same(read(hermes, cut, false), { text: cut, calls: [] })
  t.same(read(hermes, cut, true), { text: 'x', calls: [['', {}, true]] })
})

t.test('what the model thinks is text, calls in it too', async t => {
  t.same(read(hermes, `<think>I write ${call}?</think>\n\n${call}`), { text: `<think>I write ${call}?</think>`, calls: [weather] })
  t.same(read(llama3, '<think>hm</think>{"name": "a", "parameters": {}}'), { text: '<think>hm</think>', calls: [['a', {}]] })
})

t.test('Llama: an answer that is an object with name and parameters is a call, other JSON is text', async t => {
  const json = '{"name": "weather", "parameters": {"city": "Köln"}}'
  t.same(read(llama3, json), { text: '', calls: [weather] })
  t.same(read(llama3, `\n<|python_tag|>${json}`), { text: '', calls: [weather] })
  t.same(read(llama3, `${json}; ${json}`), { text: '', calls: [weather, weather] })
  for (const text of ['{"name": "Ada", "born": 1815}', '{"a": 1} and more', `So: ${json}`, '{ not JSON', '{"name": "a", "parameters": {', '<|python_tag|>print(1)']) {
    t.same(read(llama3, text), { text, calls: [] }, text)
  }
  t.same(read(llama3, '<|python_tag|>{"name": "a", "para').calls, [['', {}, true]])
})

t.test('Mistral: a list of calls, and names with arguments behind them', async t => {
  t.same(read(mistral, '[TOOL_CALLS] [{"name": "weather", "arguments": {"city": "Köln"}}, {"name": "now"}]'),
    { text: '', calls: [weather, ['now', {}]] })
  t.same(read(mistral, 'Well. [TOOL_CALLS]weather[ARGS]{"city": "Köln"}[TOOL_CALLS]now{}'), { text: 'Well.', calls: [weather, ['now', {}]] })
  t.same(read(mistral, '[TOOL_CALLS]weather[CALL_ID]123456789[ARGS]{"city": "Köln"}'), { text: '', calls: [weather] })
  t.same(read(mistral, '[TOOL_CALLS]weather[ARGS]{"city": oops}').calls, [['weather', {}, true]])
  t.same(read(mistral, '[TOOL_CALLS] [{"name": "a"},').calls, [['', {}, true]])
  t.equal(read(mistral, `[TOOL_CALLS]${'x'.repeat(600)} and text`).text.slice(-8), 'and text')
})

t.test('text is released at once, a possible opening and the blanks before it are kept back', async t => {
  const parser = new CallParser(hermes)
  t.same(parser.push('It rains'), [{ chars: 8 }])
  t.same(parser.push(' \n'), [])
  t.same(parser.push('<tool'), [])
  t.same(parser.push(' and'), [{ chars: 11 }])
  t.same(parser.push('<tool_call>{"na'), [])
  t.match(parser.push('me": "a"}</tool_call>'), [{ calls: [{ name: 'a' }] }])
  t.same(parser.end(true), [])
})

t.test('random answers: the pieces do not matter, no character is lost, and every call that was written is read', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  const junk = ['<', '<tool', '<tool_call>', '</tool_call>', '<think>', '</think>', '{', '}', '[', ']', '"', '\\', '\n', ' ', ';', 'a', 'é', '🙂', ':', ',',
    '[TOOL_CALLS]', '[ARGS]', '<|python_tag|>', '{"name": "b", "arguments": {}}', '{"name":"c","parameters":{"d":"}"}}']
  for (let i = 0; i < 6000; i++) {
    const format = random.pick(formats)
    const text = Array.from({ length: random.integer(0, 24) }, () => random.pick(junk)).join('')
    const pieces: string[] = []
    for (let at = 0; at < text.length;) {
      const length = random.integer(1, 6)
      pieces.push(text.slice(at, at + length))
      at += length
    }
    const isEnded = random.chance(0.5)
    const whole = partsOf(format, [text], isEnded)
    const inPieces = partsOf(format, pieces, isEnded)
    const reading = readingOf(whole, text)
    if (JSON.stringify(readingOf(inPieces, text)) !== JSON.stringify(reading)) t.fail(`${format.name}: pieces matter: ${JSON.stringify(pieces)}`)
    for (const parts of [whole, inPieces]) {
      if (parts.reduce((sum, part) => sum + part.chars, 0) !== text.length) t.fail(`${format.name}: characters are lost: ${JSON.stringify(pieces)}`)
    }
    if (!isEnded && format === hermes && !text.includes('<tool_call>') && reading.calls.length > 0) t.fail(`a call from nothing: ${text}`)
  }
  for (let i = 0; i < 500; i++) {
    const args = { [random.pick(['a', '"', '</tool_call>'])]: random.pick(['\\', '"}', '\n', '[ARGS]', 7, null]) }
    const words = random.pick(['', 'So. ', 'x < y '])
    const bodies = Array.from({ length: random.integer(1, 4) }, () => ({ name: 'f', arguments: args }))
    const text = words + bodies.map(body => `<tool_call>\n${JSON.stringify(body)}\n</tool_call>`).join('\n')
    t.same(read(hermes, text).calls, bodies.map(() => ['f', args]))
  }
})

t.test('a long answer takes time in proportion to its length', async t => {
  const timeOf = (format: ToolFormat, unit: string, length: number): number => {
    const pieces = Array<string>(length).fill(unit)
    const startMs = performance.now()
    partsOf(format, ['<tool_call>[TOOL_CALLS]{"a":"', ...pieces])
    partsOf(format, pieces)
    return performance.now() - startMs
  }
  for (const format of formats) {
    for (const unit of ['<tool_call', '{"a":', '<tool_call>{', '[TOOL_CALLS][', ' ', '"', '{']) {
      timeOf(format, unit, 2000)
      const shortMs = Math.min(...[0, 1, 2].map(() => timeOf(format, unit, 4000)))
      const longMs = Math.min(...[0, 1, 2].map(() => timeOf(format, unit, 64_000)))
      t.ok(longMs < 16 * 8 * shortMs + 20, `${format.name} ${JSON.stringify(unit)}: ${shortMs.toFixed(2)} and ${longMs.toFixed(2)} ms`)
    }
  }
})

t.test('the format is that of the chat template', async t => {
  t.equal(detectToolFormat('... <tool_call>\n{"name": <function-name>}\n</tool_call> ...'), hermes)
  t.equal(detectToolFormat('{{ "[TOOL_CALLS]" }}'), mistral)
  t.equal(detectToolFormat('<|start_header_id|>ipython ... {"name": function name, "parameters": ...}'), llama3)
  t.equal(detectToolFormat('<|python_tag|>'), llama3)
  t.equal(detectToolFormat('<tool_call><function=name>'), undefined, 'parameters in tags')
  t.equal(detectToolFormat('{{ messages }}'), undefined)
})
