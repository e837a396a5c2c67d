import t from 'tap'
import { percent, table, times } from '../../../bench/lib/table.js'

t.test('a table is Markdown with texts to the left and numbers to the right', async t => {
  t.equal(table(['model', 'tok/s', 'of limit'], [['a', 1234.5, percent(0.4213)], ['long one', 3.14159, undefined], ['b', NaN, 'no peer']]), [
    '| model    | tok/s | of limit |',
    '| -------- | ----: | -------: |',
    '| a        |  1235 |     42 % |',
    '| long one |  3.14 |          |',
    '| b        |       |  no peer |'
  ].join('\n'))
})

t.test('ratios are short, and nothing stands for what was not measured', async t => {
  t.same([percent(0.0312), percent(0.95), percent(1.2), percent(NaN)], ['3.1 %', '95 %', '120 %', undefined])
  t.same([times(2.8134), times(13.37), times(NaN), times(undefined)], ['2.81x', '13.4x', undefined, undefined])
})
