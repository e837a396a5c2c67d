import t from 'tap'
import * as core from '../../src/core/step.js'
import * as binding from '../../src/native/binding.js'

t.test('the scheduler and the native boundary use the same numbers', async t => {
  t.same(core.RowOutput, binding.RowOutput)
  t.same(core.RowStatus, binding.RowStatus)
})
