import t from 'tap'
import { traceOf } from '../../src/server/trace-context.js'

const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
const span = '00f067aa0ba902b7'

t.test('a traceparent gives trace, span and flags by the names that log fields have', t => {
  t.same(traceOf({ traceparent: `00-${trace}-${span}-01` }), { trace_id: trace, span_id: span, trace_flags: '01' })
  t.same(traceOf({ traceparent: `cc-${trace}-${span}-00-what-will-come` }), { trace_id: trace, span_id: span, trace_flags: '00' }, 'a later version may have more')
  t.end()
})

t.test('what is not one is ignored', t => {
  const wrong = [
    undefined, '', 'x', `00-${trace}-${span}`, `00-${trace}-${span}-01-more`, `ff-${trace}-${span}-01`, `00-${trace.toUpperCase()}-${span}-01`,
    `00-${'0'.repeat(32)}-${span}-01`, `00-${trace}-${'0'.repeat(16)}-01`, `00-${trace}-${span}-1`, ` 00-${trace}-${span}-01`, `00-${trace}-${span}-01\n`
  ]
  for (const traceparent of wrong) t.equal(traceOf({ traceparent }), undefined, String(traceparent))
  t.equal(traceOf({}), undefined)
  t.end()
})
