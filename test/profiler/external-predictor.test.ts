import t from 'tap'
import { choosePrediction, ExternalGate, faultOf } from '../../src/profiler/external-predictor.js'
import { OnlineLengthPredictor } from '../../src/profiler/online-length-predictor.js'

const ours = new OnlineLengthPredictor().predict({ text: 'hello', promptTokens: 3, maxTokens: 100 })
const certain = (bucket: number): number[] => Array.from({ length: 9 }, (_, k) => k === bucket ? 1 : 0)

t.test('a sound answer is what holds, within the limit of the request, and ours still learns', async t => {
  const chosen = choosePrediction(ours, { probabilities: certain(3) }, 0.9, 50)
  t.equal(chosen.bucket, 3)
  t.equal(chosen.confidence, 1)
  t.equal(chosen.expectedTokens, 48)
  t.equal(chosen.reservedTokens, 50)
  t.equal(chosen.features, ours.features)
})

t.test('without an answer, or with one that cannot be, ours holds', async t => {
  t.equal(choosePrediction(ours, undefined, 0.9, 100), ours)
  t.equal(choosePrediction(ours, { probabilities: [1] }, 0.9, 100), ours)
})

t.test('a fault names the number at fault', async t => {
  t.equal(faultOf({ probabilities: certain(8) }), undefined)
  t.match(faultOf({ probabilities: certain(8).with(2, NaN) }), /probabilities\[2\] is NaN/)
  t.match(faultOf({ probabilities: certain(8).with(2, -0.1) }), /probabilities\[2\] is -0.1/)
  t.match(faultOf({ probabilities: certain(8).with(2, 0.5) }), /sum to 1.5/)
  for (const answer of [undefined, null, 7, {}, { probabilities: 'no' }, { probabilities: [1] }]) t.match(faultOf(answer), /list of 9/)
})

t.test('after three failures in a row it is not asked for a second, then once, and the pause doubles', async t => {
  const gate = new ExternalGate()
  gate.failed(0)
  gate.failed(0)
  t.ok(gate.isOpen(0))
  gate.failed(0)
  t.notOk(gate.isOpen(999))
  t.ok(gate.isOpen(1000))
  gate.asked(1000)
  t.notOk(gate.isOpen(1001), 'one at a time')
  gate.failed(1100)
  t.notOk(gate.isOpen(3099))
  t.ok(gate.isOpen(3100))
  for (let i = 0; i < 40; i++) gate.failed(4000)
  t.ok(gate.isOpen(64_000), 'a minute at most')
  gate.succeeded()
  gate.failed(64_001)
  t.ok(gate.isOpen(64_001))
  t.equal(gate.failures, 45)
})
