import t from 'tap'
import { FakeEngine } from '../../support/fake-engine.js'
import { injectable } from '../../support/http.js'

const url = '/v1/responses'

async function stored (app: any, input: unknown = 'Hi'): Promise<any> {
  return (await app.inject({ method: 'POST', url, payload: { model: 'fake', input } })).json()
}

t.test('a stored response can be asked for until it is deleted', async t => {
  const { app } = await injectable(t, new FakeEngine())
  const response = await stored(app)
  t.same((await app.inject(`${url}/${response.id}`)).json(), response)
  const deleted = await app.inject({ method: 'DELETE', url: `${url}/${response.id}` })
  t.equal(deleted.statusCode, 200)
  t.same(deleted.json(), { id: response.id, object: 'response', deleted: true })
  for (const method of ['GET', 'DELETE'] as const) {
    const gone = await app.inject({ method, url: `${url}/${response.id}` })
    t.equal(gone.statusCode, 404)
    t.match(gone.json().error, { code: 'ERR_RESPONSE_UNKNOWN', type: 'invalid_request_error', param: null })
  }
})

t.test('input items are listed in pages, the newest first unless asked otherwise', async t => {
  const { app } = await injectable(t, new FakeEngine())
  const { id } = await stored(app, [1, 2, 3].map(i => ({ role: 'user', content: `Item ${i}` })))
  const list = async (query: string): Promise<any> => (await app.inject(`${url}/${id}/input_items${query}`)).json()
  const all = await list('')
  t.match(all, { object: 'list', has_more: false })
  t.same(all.data.map((item: any) => item.content), ['Item 3', 'Item 2', 'Item 1'])
  t.equal(new Set(all.data.map((item: any) => item.id)).size, 3)
  t.same([all.first_id, all.last_id], [all.data[0].id, all.data[2].id])
  const page = await list('?order=asc&limit=2')
  t.same(page.data.map((item: any) => item.content), ['Item 1', 'Item 2'])
  t.equal(page.has_more, true)
  const rest = await list(`?order=asc&after=${page.last_id}`)
  t.same(rest.data.map((item: any) => item.content), ['Item 3'])
  t.equal(rest.has_more, false)
  for (const query of ['?limit=0', '?limit=101', '?order=up', '?after=msg_none']) {
    const response = await app.inject(`${url}/${id}/input_items${query}`)
    t.equal(response.statusCode, 400, query)
    t.equal(response.json().error.param, query.slice(1).split('=')[0])
  }
})

t.test('a text as input is listed as the message of a user', async t => {
  const { app } = await injectable(t, new FakeEngine())
  const { id } = await stored(app, 'Hi')
  const { data } = (await app.inject(`${url}/${id}/input_items`)).json()
  t.match(data, [{ id: /^msg_/, type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Hi' }] }])
})

t.test('what runs in the foreground cannot be cancelled or streamed again', async t => {
  const { app } = await injectable(t, new FakeEngine())
  const { id } = await stored(app)
  const cancel = await app.inject({ method: 'POST', url: `${url}/${id}/cancel` })
  t.equal(cancel.statusCode, 400)
  t.match(cancel.json().error.message, /background/)
  t.equal((await app.inject({ method: 'POST', url: `${url}/resp_none/cancel` })).statusCode, 404)
  t.equal((await app.inject(`${url}/${id}?stream=true`)).statusCode, 400)
  const wrong = await app.inject({ method: 'PUT', url: `${url}/${id}` })
  t.equal(wrong.statusCode, 405)
  t.same(String(wrong.headers.allow).split(', ').sort(), ['DELETE', 'GET', 'HEAD'])
})
