import t from 'tap'
import { items } from '../../conformance/items.js'
import { place } from '../../conformance/lib/answers.js'
import { readEvents, streamedText } from '../../conformance/lib/events.js'
import { Metrics } from '../../conformance/lib/metrics.js'
import { readResponse } from '../../conformance/lib/raw-connection.js'
import { scoreTable } from '../../conformance/lib/report.js'
import { runItem } from '../../conformance/lib/run.js'
import { selectItems } from '../../conformance/lib/select-items.js'
import { notApplicable } from '../../conformance/lib/verdict.js'

t.test('--only takes numbers and ranges, and refuses what is neither', t => {
  t.same(selectItems(items, '3, 69-71').map(({ number }) => number), [3, 69, 70, 71])
  t.equal(selectItems(items, undefined).length, items.length)
  for (const wrong of ['', 'x', '5-3', '0', '121', '1-121', '1,,2']) t.throws(() => selectItems(items, wrong), /--only/, wrong)
  t.end()
})

t.test('a response is read when it is whole, by its length or in chunks, and no sooner', t => {
  for (const response of ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n']) {
    t.match(readResponse(`${response}HTTP/1.1 404`), { status: 200, body: 'hello', length: response.length })
    for (let i = 0; i < response.length; i++) t.equal(readResponse(response.slice(0, i)), undefined, `${i} characters`)
  }
  t.end()
})

t.test('events are read with their names, comments apart', t => {
  const events = readEvents(': ping\n\nevent: a.b\ndata: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\ndata: [DONE]\n\n')
  t.match(events, [{ data: undefined }, { name: 'a.b', json: { choices: [{}] } }, { data: '[DONE]', json: undefined }])
  t.equal(streamedText(events), 'x')
  t.end()
})

t.test('metrics are summed over their labels, of whichever server', t => {
  const metrics = new Metrics('# HELP x\nvllm:num_requests_running{engine="0"} 2\nvllm:num_requests_running{engine="1"} 3\nvllm:num_requests_waiting 1\n' +
    'vllm:request_success_total{finished_reason="abort"} 4\nvllm:request_success_total{finished_reason="stop"} 9\n')
  t.same([metrics.active, metrics.aborted, metrics.residentBytes], [6, 4, undefined])
  t.equal(new Metrics('llamacpp:requests_processing 2\n').active, 2)
  t.equal(new Metrics('').active, undefined)
  t.end()
})

t.test('a path in param fits in brackets and with dots', t => {
  const path = place('messages', 0, 'content', 1)
  for (const right of ['messages[0].content[1]', 'messages.0.content.1']) t.match(right, path)
  for (const wrong of ['messages', 'messages[0].content', 'messages[1].content[1]', 'messages[0].content[10]']) t.notMatch(wrong, path)
  t.end()
})

t.test('an item that throws has failed with that sentence, and the table counts all three outcomes', async t => {
  const target = undefined as never
  const run = async (check: () => Promise<void>) => await runItem(items[0]!, { 1: check }, target)
  const results = await Promise.all([
    run(async () => {}), run(async () => { throw new Error('the socket broke') }), run(async () => notApplicable('no model')),
    run(async () => { (undefined as any).choices() })
  ])
  t.match(results, [
    { outcome: 'passed', reason: undefined }, { outcome: 'failed', reason: 'the socket broke' }, { outcome: 'notApplicable', reason: 'no model' },
    { outcome: 'failed', reason: /not the expected form/ }
  ])
  t.match(scoreTable(results), /HTTP and errors +1 +2 +1\nall +1 +2 +1$/)
})
