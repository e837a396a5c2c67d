import type { FastifyReply } from 'fastify'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { EventStream } from '../../src/server/event-stream.js'

const patient = { pingIntervalMs: 60_000, stalledClientMs: 60_000, opening: () => 'data: opening\n\n' }

function streamOn (raw: ServerResponse, options = patient): EventStream {
  return new EventStream({ raw, hijack: () => {}, getHeaders: () => ({}) } as unknown as FastifyReply, options)
}

/** A connection to a server that answers with `respond`. */
async function connected (t: Test, respond: (response: ServerResponse) => void) {
  const server = createServer((_, response) => { respond(response) })
  t.teardown(() => server.close())
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  socket.on('error', () => {})
  t.teardown(() => socket.destroy())
  return socket
}

const request = 'GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'

t.test('the headers and what a stream begins with go out before its first event', async t => {
  const socket = await connected(t, response => {
    const events = streamOn(response)
    t.notOk(events.isOpen)
    void events.send('data: 1\n\n')
    t.ok(events.isOpen)
    void events.send('data: 2\n\n')
    events.end('data: [DONE]\n\n')
    t.ok(events.isClosed)
    t.equal(events.send('data: 3\n\n'), undefined)
  })
  socket.write(request)
  const got = await text(socket)
  t.match(got, /content-type: text\/event-stream/i)
  t.same(got.match(/data: .*/g), ['data: opening', 'data: 1', 'data: 2', 'data: [DONE]'])
})

t.test('a client that does not take the end of its stream is cut off', { timeout: 20_000 }, async t => {
  let cut!: () => void
  const isCut = new Promise<void>(resolve => { cut = resolve })
  const socket = await connected(t, response => {
    const events = streamOn(response, { ...patient, stalledClientMs: 50 })
    void events.send('data: 1\n\n')
    events.end(`data: ${'x'.repeat(30_000_000)}\n\n`)
    response.on('close', cut)
  })
  socket.pause()
  socket.write(request)
  await isCut
  socket.resume()
  await once(socket, 'close')
  t.ok(socket.bytesRead < 30_000_000)
})

t.test('after an error the connection closes, also one that would have stayed', async t => {
  const socket = await connected(t, response => {
    const events = streamOn(response)
    void events.send('data: 1\n\n')
    events.fail('data: error\n\n')
  })
  socket.write(request.replace('close', 'keep-alive'))
  t.match(await text(socket), /data: error\n\n/)
})
