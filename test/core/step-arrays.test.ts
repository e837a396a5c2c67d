import t from 'tap'
import { StepInput, StepOutput } from '../../src/core/step-arrays.js'

/** The views of an object's arrays, in the order of their fields. */
const viewsOf = (arrays: object) => Object.values(arrays).filter((value): value is Int32Array => ArrayBuffer.isView(value))

for (const [name, arrays] of [
  ['input', new StepInput(5, 11)],
  ['output', new StepOutput(5, 11, 3)],
  ['output without log-probabilities', new StepOutput(1, 1, 0)]
] as const) {
  t.test(`the arrays of a step's ${name} lie one after another and fill their buffer`, async t => {
    let at = 0
    for (const view of viewsOf(arrays)) {
      t.equal(view.buffer, arrays.buffer)
      t.equal(view.byteOffset, at)
      at += view.byteLength
    }
    t.equal(at, arrays.buffer.byteLength)
  })
}

t.test('a buffer can be read where it was not made', async t => {
  const output = new StepOutput(2, 4, 1)
  output.tokens.set([7, 8])
  output.promptTopLogprobs[3] = -1
  const same = new StepOutput(2, 4, 1, output.buffer)
  t.same([...same.tokens], [7, 8, 0, 0])
  t.equal(same.promptTopLogprobs[3], -1)
  t.throws(() => new StepOutput(3, 4, 1, output.buffer), RangeError)
})
