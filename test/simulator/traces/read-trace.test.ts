import t from 'tap'
import { readTrace } from '../../../src/simulator/traces/read-trace.js'
import { TraceError } from '../../../src/simulator/traces/trace-error.js'
import { Random, testSeed } from '../../support/random.js'

const head = 'arrivalMs,promptTokens,outputTokens'

t.test('CSV, JSON by line and an array in JSON tell the same trace', async t => {
  const expected = [
    { arrivalMs: 0, promptTokens: 10, outputTokens: 5, slo: { ttftMs: 200, deadlineMs: 900 }, sessionId: 'a,b' },
    { arrivalMs: 1.5, promptTokens: 7, outputTokens: 2, priority: -1, tools: [{ tokens: 3, durationMs: 20, resultTokens: 4, name: 'search' }] }
  ]
  const records = [
    { arrivalMs: 0, promptTokens: 10, outputTokens: 5, ttftSloMs: 200, deadlineMs: 900, sessionId: 'a,b' },
    { arrivalMs: 1.5, promptTokens: 7, outputTokens: 2, priority: -1, tools: [{ tokens: 3, durationMs: 20, resultTokens: 4, name: 'search' }] }
  ]
  t.same(readTrace(JSON.stringify(records)), expected)
  t.same(readTrace(records.map(record => JSON.stringify(record)).join('\n')), expected)
  t.same(readTrace([
    `\ufeff${head},ttftSloMs,deadlineMs,sessionId,priority,tools`,
    '0,10,5,200,900,"a,b",,',
    '',
    '1.5,7,2,,,,-1,"[{""tokens"":3,""durationMs"":20,""resultTokens"":4,""name"":""search""}]"'
  ].join('\r\n')), expected)
})

const faults: ReadonlyArray<readonly [name: string, text: string, line: number, field: string | undefined, message: RegExp]> = [
  ['no requests', '', 1, undefined, /empty/],
  ['only a head', head, 1, undefined, /empty/],
  ['NaN', `${head}\n0,10,5\n1,NaN,5`, 3, 'promptTokens', /"NaN"; it must be a whole number, at least 1/],
  ['a hole', `${head}\n0,10,`, 2, 'outputTokens', /missing/],
  ['a negative length', `${head}\n0,-1,5`, 2, 'promptTokens', /"-1"/],
  ['half a token', '[{"arrivalMs":0,"promptTokens":1.5,"outputTokens":1}]', 1, 'promptTokens', /1\.5; it must be a whole/],
  ['an absurd length', `${head}\n0,1e12,5`, 2, 'promptTokens', /at most 100000000/],
  ['an infinite time', '{"arrivalMs":1e999,"promptTokens":1,"outputTokens":1}', 1, 'arrivalMs', /null/],
  ['a text for a number', '{"arrivalMs":true,"promptTokens":1,"outputTokens":1}', 1, 'arrivalMs', /true/],
  ['half a priority', `${head},priority\n0,1,1,0.5`, 2, 'priority', /"0\.5"; it must be a whole number, at least -1000000000/],
  ['an SLO of nothing', `${head},ttftSloMs\n0,1,1,0`, 2, 'ttftSloMs', /above 0/],
  ['a first token after the last', `${head},ttftSloMs,deadlineMs\n0,1,1,500,400`, 2, 'ttftSloMs', /later than deadlineMs \(400\)/],
  ['a reserve below the estimate', `${head},predictedTokens,reservedTokens\n0,1,1,50,40`, 2, 'reservedTokens', /less than predictedTokens/],
  ['time that goes back', `${head}\n0,1,1\n5,1,1\n4,1,1`, 4, 'arrivalMs', /earlier.*4 ms after 5 ms/],
  ['a cell too few', `${head}\n0,1`, 2, undefined, /2 cells.*3 columns/],
  ['an unknown field', `${head},deadlinMs\n0,1,1,1`, 2, 'deadlinMs', /Did you mean deadlineMs/],
  ['a column twice', `${head},promptTokens\n0,1,1,1`, 1, 'promptTokens', /twice/],
  ['an open quote', `${head}\n0,1,"1`, 2, undefined, /never closed/],
  ['a row after cells of several lines', `${head},sessionId\n0,1,1,"a\nb"\n0,0,1,c`, 4, 'promptTokens', /"0"/],
  ['broken JSON', '{"arrivalMs":0,\n', 1, undefined, /not JSON/],
  ['a number where a request should be', '[7]', 1, undefined, /it must be an object/],
  ['tools that are no list', '{"arrivalMs":0,"promptTokens":1,"outputTokens":1,"tools":{}}', 1, 'tools', /list/],
  ['a tool that takes negative time', '{"arrivalMs":0,"promptTokens":1,"outputTokens":1,"tools":[{"tokens":1,"durationMs":-3}]}', 1, 'tools[0].durationMs', /-3/],
  ['a tool without its time', '{"arrivalMs":0,"promptTokens":1,"outputTokens":1,"tools":[{"tokens":1}]}', 1, 'tools[0].durationMs', /./],
  ['a misspelt field of a tool', '{"arrivalMs":0,"promptTokens":1,"outputTokens":1,"tools":[{"tokens":1,"duration":3}]}', 1, 'tools[0].duration', /Did you mean/],
  ['a time stamp of nowhere', 'TIMESTAMP,ContextTokens,GeneratedTokens\n2023-13-16 18:17:03,1,1', 2, 'TIMESTAMP', /must look like/],
  ['ids for half of a prompt', '{"timestamp":0,"input_length":600,"output_length":1,"hash_ids":[1]}', 1, 'hash_ids', /2 blocks of 512/]
]

t.test('what cannot be read is refused with its line and field', async t => {
  for (const [name, text, line, field, message] of faults) {
    try {
      readTrace(text)
      t.fail(`${name} was read`)
    } catch (error) {
      if (!(error instanceof TraceError)) throw error
      t.equal(error.code, 'ERR_TRACE')
      t.equal(error.line, line, `line: ${name}`)
      t.equal(error.param, field, `field: ${name}`)
      t.match(error.message, message, name)
    }
  }
})

t.test('traces of Azure are known by their head; time begins with the first request', async t => {
  t.same(readTrace('TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 23:59:59.9799600,374,44\r\n2023-11-17 00:00:00.0314579,396,0\r\n'), [
    { arrivalMs: 0, promptTokens: 374, outputTokens: 44 },
    { arrivalMs: 51.498, promptTokens: 396, outputTokens: 1 }
  ])
})

t.test('traces of Mooncake keep the ids of their blocks', async t => {
  t.same(readTrace('{"timestamp": 27482, "input_length": 600, "output_length": 52, "hash_ids": [46, 47]}\n'),
    [{ arrivalMs: 27482, promptTokens: 600, outputTokens: 52, prefixIds: [46, 47] }])
})

const seed = testSeed()
t.test(`a damaged trace is refused by a TraceError, or read with every number in its range, seed ${seed}`, async t => {
  const random = new Random(seed)
  const samples = [
    `${head},ttftSloMs,deadlineMs,tools\n0,10,5,200,900,"[{""tokens"":3,""durationMs"":20,""resultTokens"":4}]"\n1.5,7,2,,,\n`,
    '{"arrivalMs":0,"promptTokens":10,"outputTokens":5,"tpotSloMs":40,"sessionId":"x"}\n{"arrivalMs":3,"promptTokens":10,"outputTokens":5}',
    '[{"arrivalMs":0,"promptTokens":10,"outputTokens":5,"priority":2}]',
    'TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 23:59:59.9799600,374,44\n2023-11-17 00:00:00.0314579,396,12',
    '{"timestamp":1,"input_length":600,"output_length":52,"hash_ids":[46,47]}'
  ]
  const pieces = ['"', ',', '\n', '-', 'e9', '.', '{', '}', '[', ']', 'null', 'NaN', '\0', '\u2028', '\ud800', '9999999999', '0', ' ', '__proto__', 'tools']
  let read = 0
  for (let round = 0; round < 4000; round++) {
    let text = random.pick(samples)
    for (let count = random.integer(1, 4); count > 0; count--) {
      const at = random.integer(0, text.length)
      text = text.slice(0, at) + (random.chance(0.6) ? random.pick(pieces) : '') + text.slice(at + random.integer(0, 3))
    }
    try {
      for (const { arrivalMs, promptTokens, outputTokens } of readTrace(text)) {
        if (!(arrivalMs >= 0 && arrivalMs <= 1e13 && promptTokens >= 1 && promptTokens <= 1e8 && outputTokens >= 1 && outputTokens <= 1e8)) {
          t.fail(`read from ${JSON.stringify(text)}`)
        }
      }
      read++
    } catch (error) {
      if (!(error instanceof TraceError)) t.fail(`${String(error)} for ${JSON.stringify(text)}`)
    }
  }
  t.ok(read > 20 && read < 3900, `${read} of 4000 could be read`)
})
