import t from 'tap'
import { goalsText, isMet } from '../../../bench/lib/goals.js'

t.test('a goal is met within its bounds; what is no number misses it', async t => {
  t.same([90, 91, NaN].map(value => isMet({ name: 'x', value, atLeast: 91 })), [false, true, false])
  t.same([90, 91, NaN].map(value => isMet({ name: 'x', value, atMost: 90 })), [true, false, false])
  t.match(goalsText([{ name: 'x', value: 1, atLeast: 2 }]), /x .*MISSED/)
})
