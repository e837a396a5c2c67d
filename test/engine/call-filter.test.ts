import t from 'tap'
import { CallFilter } from '../../src/engine/call-filter.js'
import { ChoiceOutput } from '../../src/engine/choice-output.js'
import { hermes } from '../../src/model/chat/tool-calls/hermes.js'
import { mistral } from '../../src/model/chat/tool-calls/mistral.js'

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

const call = ['<tool_call>', '{"name": ', '"a"', '}', '</tool_call>']

t.test('the tokens of a call are no part of the text, those around it keep their text', async t => {
  t.match(outputOf(['Hi', ' there', ...call, ' and', ' so'], new CallFilter(hermes, new Map(), { takesMalformed: true })),
    { text: 'Hi there and so', tokenIds: [0, 1, 7, 8], names: ['a'] })
})

t.test('a token that lies in text and call counts to the first of them', async t => {
  t.match(outputOf(['Hi<tool', '_call>{"name": "a"}</tool_c', 'all>!', '?'], new CallFilter(hermes, new Map(), { takesMalformed: true })), { text: 'Hi!?', tokenIds: [0, 3], names: ['a'] })
})

t.test('special tokens of the format have no text, and begin a call', async t => {
  const specials = new Map([[1, '[TOOL_CALLS]'], [3, '[ARGS]']])
  t.match(outputOf(['Well.', '', 'now', '', '{}'], new CallFilter(mistral, specials, { takesMalformed: true })), { text: 'Well.', tokenIds: [0], names: ['now'] })
  t.match(outputOf(['[TOOL_CALLS]', 'now{}'], new CallFilter(mistral, new Map(), { takesMalformed: true })), { text: '', names: ['now'] }, 'or are written out')
})

t.test('what cannot be read is a call where somebody tells the model, and text where nobody does', async t => {
  const texts = ['<tool_call>', 'oops', '</tool_call>', '.']
  t.match(outputOf(texts, new CallFilter(hermes, new Map(), { takesMalformed: true })), { text: '.', tokenIds: [3], names: [''] })
  t.match(outputOf(texts, new CallFilter(hermes, new Map(), { takesMalformed: false })), { text: texts.join(''), tokenIds: [0, 1, 2, 3], names: [] })
})

t.test('stop strings are looked for in the text, not in calls', async t => {
  t.match(outputOf(['x', ...call, ' "a" ', 'y'], new CallFilter(hermes, new Map(), { takesMalformed: true }), ['"a"']), { text: 'x ', names: ['a'], stoppedAt: 6 })
})

t.test('a call that the length cut is text, to the last token', async t => {
  t.match(outputOf(['x ', ...call.slice(0, 3)], new CallFilter(hermes, new Map(), { takesMalformed: true }), [], false), { text: 'x <tool_call>{"name": "a"', tokenIds: [0, 1, 2, 3], names: [] })
})

t.test('the only call that an answer may have ends it, and what stood before it is text at once', async t => {
  const isSingle = { takesMalformed: false, isSingle: true }
  t.match(outputOf(['Hi', ...call, ' and', ...call], new CallFilter(hermes, new Map(), isSingle), ['Hi there']), { text: 'Hi', names: ['a'], stoppedAt: 5 })
  t.match(outputOf(['[TOOL_CALLS]', '[{"name": "a"}, {"name": "b"}]', '!'], new CallFilter(mistral, new Map(), isSingle)), { names: ['a'], stoppedAt: 1 })
  t.match(outputOf([...call.slice(0, -1), '</tool_call> and so'], new CallFilter(hermes, new Map(), isSingle)), { text: '', names: ['a'], stoppedAt: 4 }, 'within one token too')
})

t.test('calls of tools that are not allowed are text, and do not count as the only one', async t => {
  const rules = { takesMalformed: true, allowed: new Set(['b']), isSingle: true }
  t.match(outputOf([...call, '{"name": "b"}', '<tool_call>{"name": "b"}</tool_call>'], new CallFilter(hermes, new Map(), rules)), { text: `${call.join('')}{"name": "b"}`, names: ['b'], stoppedAt: 6 })
})
