import { createServer, type ServerResponse } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { drained, isFull, writePart } from '../../src/server/chunk-writer.js'

const parts = ['data: plain\n\n', 'data: größer, 漢字, 🙂\n\n', 'data: a lone \ud800 surrogate\n\n', 'data: \u0080 latin\n\n', `data: ${'x'.repeat(70_000)}\n\n`]

/** What comes over the wire of a server that answers with `respond`. */
async function wire (t: Test, request: string, respond: (response: ServerResponse, path: string) => void): Promise<string> {
  const server = createServer((incoming, response) => {
    response.sendDate = false
    respond(response, incoming.url!)
  })
  t.teardown(() => server.close())
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  socket.write(request)
  return await text(socket)
}

function writeAll (write: (response: ServerResponse, part: string) => void): (response: ServerResponse) => void {
  return response => {
    response.writeHead(200)
    response.write('first')
    for (const part of parts) write(response, part)
    response.end('last')
  }
}

t.test('parts are the same bytes as those of response.write', async t => {
  const request = 'GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'
  const own = await wire(t, request, writeAll((response, part) => { writePart(response, part) }))
  const usual = await wire(t, request, writeAll((response, part) => { response.write(part) }))
  t.match(own, /transfer-encoding: chunked/i)
  t.equal(own, usual)
})

t.test('a client of HTTP/1.0 gets the parts without chunks', async t => {
  const got = await wire(t, 'GET / HTTP/1.0\r\n\r\n', writeAll((response, part) => { writePart(response, part) }))
  t.notMatch(got, /transfer-encoding/i)
  t.ok(got.endsWith(`\r\n\r\nfirst${parts.join('').replace('\ud800', '\ufffd')}last`))
})

t.test('an answer that waits for an earlier one on its connection comes behind it, in order', async t => {
  const waiting: ServerResponse[] = []
  const got = await wire(t, 'GET /1 HTTP/1.1\r\nhost: x\r\n\r\nGET /2 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', (response, path) => {
    response.writeHead(200)
    response.write(`${path} begins`)
    if (path === '/1') {
      waiting.push(response)
      return
    }
    writePart(response, 'the second')
    writePart(waiting[0]!, 'the first')
    waiting[0]!.end()
    response.end()
  })
  const order = ['/1 begins', 'the first', '/2 begins', 'the second'].map(part => got.indexOf(part))
  t.notOk(order.includes(-1))
  t.same(order, [...order].sort((a, b) => a - b))
})

t.test('who does not read is waited for, and whose connection closes is not', async t => {
  let closed!: () => void
  const isClosed = new Promise<void>(resolve => { closed = resolve })
  const server = createServer((_, response) => {
    response.writeHead(200)
    response.write('first')
    while (writePart(response, 'x'.repeat(100_000)));
    t.ok(isFull(response))
    void drained(response).then(closed)
    setTimeout(() => { response.destroy() }, 20)
  })
  t.teardown(() => server.close())
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
  socket.pause()
  await isClosed
  socket.destroy()
})
