import t from 'tap'
import { resolveSamplingParams } from '../../src/core/resolve-sampling-params.js'

const limits = { vocabSize: 100, maxLogprobs: 5 }

t.test('what the caller leaves out comes from the model, then from us', async t => {
  const params = resolveSamplingParams({ topP: 0.5, temperature: undefined }, limits, { temperature: 0.6, topP: 0.9, topK: 20 })
  t.match(params, { temperature: 0.6, topP: 0.5, topK: 20, minP: 0, repetitionPenalty: 1, n: 1, stop: [], ignoreEos: false })
  t.equal(params.seed, undefined)
  t.equal(params.maxTokens, undefined)
})

t.test('a single stop text is a list of one, and seeds of any 64 bits are taken', async t => {
  t.same(resolveSamplingParams({ stop: 'a' }, limits).stop, ['a'])
  t.equal(resolveSamplingParams({ seed: -1 }, limits).seed, (1n << 64n) - 1n)
  t.equal(resolveSamplingParams({ seed: (1n << 64n) - 1n }, limits).seed, (1n << 64n) - 1n)
})

t.test('a value out of range is refused with its name, the value and the range', async t => {
  const cases: Array<[Record<string, unknown>, string, RegExp]> = [
    [{ temperature: NaN }, 'temperature', /temperature is NaN; it must be a number from 0 to 2/],
    [{ temperature: 'hot' }, 'temperature', /"hot"/],
    [{ temperature: Infinity }, 'temperature', /Infinity/],
    [{ topP: 1.1 }, 'topP', /from 0 to 1/],
    [{ topK: 1.5 }, 'topK', /whole number/],
    [{ n: 0 }, 'n', /from 1 to 128/],
    [{ frequencyPenalty: -3 }, 'frequencyPenalty', /-2 to 2/],
    [{ repetitionPenalty: 0 }, 'repetitionPenalty', /0.01/],
    [{ maxTokens: -1 }, 'maxTokens', /at least 0/],
    [{ seed: 1.5 }, 'seed', /64 bits/],
    [{ seed: 1n << 64n }, 'seed', /64 bits/],
    [{ stop: [''] }, 'stop', /not empty/],
    [{ stop: Array(17).fill('a') }, 'stop', /at most 16/],
    [{ stopTokenIds: [1, 100] }, 'stopTokenIds[1]', /100; token ids of this model are 0 to 99/],
    [{ logitBias: { 5: 101 } }, 'logitBias.5', /logitBias\.5 is 101/],
    [{ logitBias: { x: 1 } }, 'logitBias.x', /"x"/],
    [{ logitBias: { 100: 1 } }, 'logitBias.100', /0 to 99/],
    [{ topLogprobs: 6, logprobs: true }, 'topLogprobs', /at most 5.*--max-logprobs/],
    [{ topLogprobs: 1 }, 'topLogprobs', /needs logprobs/],
    [{ logprobs: 1 }, 'logprobs', /true or false/],
    [{ minTokens: 5, maxTokens: 4 }, 'minTokens', /minTokens is 5.*maxTokens is 4/]
  ]
  for (const [input, param, message] of cases) {
    t.throws(() => resolveSamplingParams(input, limits), { code: 'ERR_INVALID_PARAMETER', param, message }, param)
  }
})
