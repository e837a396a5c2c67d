import t, { type Test } from 'tap'
import { injectable, namedEventsOf } from '../../support/http.js'
import { calling, toolEngine } from '../../support/tool-model.js'

const url = '/v1/responses'
const tools = ['weather', 'light'].map(name => ({ type: 'function', name }))

async function streamOf (t: Test, answer: string, fields: object = {}): Promise<{ events: Array<[string, any]>, plain: any, goOn: (id: string) => Promise<any> }> {
  const { engine } = toolEngine({ answer: conversation => conversation.includes('Again') ? 'Yes.' : answer })
  t.teardown(async () => { await engine.close() })
  const { app } = await injectable(t, engine)
  const send = async (body: object): Promise<string> => (await app.inject({ method: 'POST', url, payload: { model: 'scripted', tools, ...fields, ...body } })).body
  const events = namedEventsOf(await send({ input: 'How?', stream: true }))
  return { events, plain: JSON.parse(await send({ input: 'How?' })), goOn: async id => JSON.parse(await send({ input: 'Again', previous_response_id: id })) }
}

const of = (events: Array<[string, any]>, name: string): any[] => events.filter(event => event[0] === name).map(event => event[1])
const withoutIds = (items: any[]): any[] => items.map(({ id, call_id: callId, ...item }) => item)

t.test('arguments are streamed as they are written, item by item, and agree with the plain response', async t => {
  const { events, plain } = await streamOf(t, `So.${calling('weather', { city: 'Ulm' })}\n${calling('light')}`)
  t.same(events.map(([, data]) => data.sequence_number), events.map((_, i) => i))
  const added = of(events, 'response.output_item.added')
  t.match(added.map(({ item }) => item), [{ type: 'message' }, { type: 'function_call', name: 'weather', arguments: '', status: 'in_progress' }, { type: 'function_call', name: 'light' }])
  t.same(added.map(({ output_index: index }) => index), [0, 1, 2])
  const deltas = of(events, 'response.function_call_arguments.delta')
  const ofCall = (i: number): any[] => deltas.filter(delta => delta.output_index === i && delta.item_id === added[i].item.id)
  t.ok(ofCall(1).length > 5, `${ofCall(1).length} pieces`)
  t.equal(ofCall(1).map(({ delta }) => delta).join(''), '{"city":"Ulm"}')
  t.equal(ofCall(2).map(({ delta }) => delta).join(''), '{}')
  t.match(of(events, 'response.function_call_arguments.done'), [{ item_id: added[1].item.id, name: 'weather', arguments: '{"city":"Ulm"}' }, { arguments: '{}' }])
  const { output } = of(events, 'response.completed')[0].response
  t.same(output, of(events, 'response.output_item.done').map(({ item }) => item))
  t.same(withoutIds(output), withoutIds(plain.output))
})

t.test('text behind a call is a message of its own in a stream', async t => {
  const { events, plain } = await streamOf(t, `So.${calling('light')}Done.`)
  const { output } = of(events, 'response.completed')[0].response
  t.match(output, [{ type: 'message', content: [{ text: 'So.' }] }, { type: 'function_call' }, { type: 'message', content: [{ text: 'Done.' }] }])
  t.equal(new Set(output.map(({ id }: any) => id)).size, 3)
  t.match(plain.output, [{ type: 'message', content: [{ text: 'So.Done.' }] }, { type: 'function_call' }])
})

t.test('a call that the length cut is an incomplete item, its text a message, and no part of the conversation', async t => {
  const { events, plain, goOn } = await streamOf(t, calling('weather', { city: 'Ulm' }), { max_output_tokens: 45 })
  const [name, { response }] = events.at(-1)!
  t.equal(name, 'response.incomplete')
  t.match(response.output, [{ type: 'function_call', status: 'incomplete', name: 'weather' }, { type: 'message', content: [{ text: plain.output[0].content[0].text }] }])
  t.equal(of(events, 'response.function_call_arguments.done').length, 0)
  t.match(await goOn(response.id), { output: [{ content: [{ text: 'Yes.' }] }] })
})
