import t from 'tap'
import type { Constraint } from '../../../../src/grammar/constraint.js'
import { afterThoughts } from '../../../../src/model/chat/forced-thoughts.js'
import { ReasoningParser } from '../../../../src/model/chat/reasoning.js'
import { CallParser } from '../../../../src/model/chat/tool-calls/call-parser.js'
import { forcedCalls } from '../../../../src/model/chat/tool-calls/forced-calls.js'
import { hermes } from '../../../../src/model/chat/tool-calls/hermes.js'
import { llama3 } from '../../../../src/model/chat/tool-calls/llama3.js'
import { mistral } from '../../../../src/model/chat/tool-calls/mistral.js'
import type { ToolFormat } from '../../../../src/model/chat/tool-calls/tool-format.js'
import type { WrittenCall } from '../../../../src/model/chat/tool-calls/written-call.js'
import { babble, fits, tokenMasks } from '../../../grammar/support.js'
import { Random, testSeed } from '../../../support/random.js'

const weather = { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string', enum: ['Oslo', 'Rome'] }, isWarm: { type: 'boolean' } }, required: ['city', 'isWarm'] } }
const time = { name: 'get_time', parameters: { type: 'object', properties: {}, additionalProperties: false } }
const spellings: ReadonlyArray<readonly [ToolFormat, string, string]> = [
  [hermes, '', '<tool_call>\n{"name": "weather", "arguments": {"city": "Oslo", "isWarm": true}}\n</tool_call>\n<tool_call>\n{"name": "get_time", "arguments": {}}\n</tool_call>'],
  [llama3, '', '{"name": "weather", "parameters": {"city": "Oslo", "isWarm": true}}; {"name": "get_time", "parameters": {}}'],
  [mistral, '', '[TOOL_CALLS][{"name": "weather", "arguments": {"city": "Oslo", "isWarm": true}}, {"name": "get_time", "arguments": {}}]'],
  [mistral, '[ARGS]', '[TOOL_CALLS]weather[ARGS]{"city": "Oslo", "isWarm": true}[TOOL_CALLS]get_time[ARGS]{}']
]

function callsIn (answer: string, format: ToolFormat): WrittenCall[] {
  const parser = new CallParser(format)
  const parts = [...parser.push(answer), ...parser.end(true)]
  if (parts.some(({ chars, calls }) => chars > 0 && calls === undefined)) throw new Error(`text beside the calls: ${answer}`)
  return parts.flatMap(({ calls = [] }) => calls)
}

t.test('calls are written as each family writes them, and nothing else fits', t => {
  for (const [format, template, answer] of spellings) {
    const form = forcedCalls(format.spelling(template), [weather, time], false, [])
    t.ok(fits(form, answer), answer)
    t.notOk(fits(form, `Well. ${answer}`), 'no text before them')
    t.notOk(fits(form, answer.replace('weather', 'climate')), 'no other tool')
    t.notOk(fits(form, answer.replace('Oslo', 'Ulm')), 'no other arguments')
    t.notOk(fits(forcedCalls(format.spelling(template), [weather, time], true, []), answer), 'one call where only one may be')
    t.match(callsIn(answer, format), [{ name: 'weather', arguments: { city: 'Oslo', isWarm: true } }, { name: 'get_time', arguments: {} }])
  }
  t.end()
})

t.test('whatever a model says within the form is read back as calls of the tools', t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  for (const [format, template] of spellings) {
    const form = forcedCalls(format.spelling(template), [weather, time], false, [])
    const masks = tokenMasks(form)
    for (let i = 0; i < 10; i++) {
      const answer = babble(form, random, 400, masks)
      if (answer === undefined) continue
      for (const { name, arguments: args, error } of callsIn(answer, format)) {
        t.equal(error, undefined, answer)
        t.ok(name === 'get_time' ? Object.keys(args).length === 0 : ['Oslo', 'Rome'].includes(args['city'] as string) && typeof args['isWarm'] === 'boolean', answer)
      }
    }
  }
  t.end()
})

t.test('markup that is a special token of the model is that token', t => {
  t.match(forcedCalls(mistral.spelling('[ARGS]'), [time], true, mistral.specials), {
    parts: [{ parts: [{ parts: [
      { type: 'text', text: '[TOOL_CALLS]', special: true }, { text: 'get_time', special: undefined }, { text: '[ARGS]', special: true }, { type: 'jsonSchema' }
    ] }] }]
  })
  t.end()
})

t.test('a form may come after thoughts, which end with the first mark', t => {
  const yes: Constraint = { type: 'choice', choices: ['yes', 'no'] }
  const [free, open] = [false, true].map(isOpen => afterThoughts(yes, isOpen, []))
  for (const thoughts of ['', 'hm', ' < </ </think </think', '<<</</t</th</thi</thin</think<', 'a\n<think>\n', 'é <b>']) {
    const answer = `${thoughts}</think>\n\nyes`
    t.ok(fits(open!, answer), answer)
    t.ok(fits(free!, `<think>${answer}`), answer)
    t.notOk(fits(open!, `${thoughts}</think>\n\nperhaps`))
    t.notOk(fits(open!, `${thoughts}</think>\n\n</think>yes`))
    const parser = new ReasoningParser(true)
    t.equal([...parser.push(answer), ...parser.end()].findLast(({ kind }) => kind === 'text')!.chars, 'yes'.length)
  }
  t.ok(fits(free!, 'no'), 'or none')
  t.notOk(fits(open!, 'no'))
  t.end()
})
