import fc from 'fast-check'

/** What a client does on one connection: bytes with pauses between, and then it waits, closes its half, or is gone. */
export interface SocketScript {
  readonly parts: ReadonlyArray<{ readonly bytes: Buffer, readonly pauseMs: number }>
  readonly end: 'waits' | 'halfCloses' | 'destroys'
}

const paths = ['/v1/chat/completions', '/v1/completions', '/v1/responses', '/v1/embeddings', '/tokenize', '/v1/models', '/health', '/metrics', '/', '*', '//', '/%', '/v1/models/%2e%2e', 'http://x/v1/models', '/\u00ff']
const methods = ['GET', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'CONNECT', 'TRACE', 'PRI', 'get', 'DELETE', 'QUERY', '\0']
const versions = ['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/0.9', 'HTTP/2.0', 'HTTP/9.9', 'HTTP/1.', '']

/** A request as it should be, to be cut, mixed and damaged. */
function goodRequest (model: string): fc.Arbitrary<string> {
  const posts: ReadonlyArray<readonly [path: string, body: object]> = [
    ['/v1/completions', { prompt: 'a', max_tokens: 2 }], ['/v1/completions', { prompt: 'a', max_tokens: 3, stream: true }],
    ['/v1/chat/completions', { messages: [{ role: 'user', content: 'a' }], max_tokens: 2 }], ['/v1/responses', { input: 'a', max_output_tokens: 2, stream: true }],
    ['/v1/embeddings', { input: 'a' }], ['/tokenize', { prompt: 'a' }]
  ]
  const post = fc.tuple(fc.constantFrom(...posts), fc.boolean()).map(([[path, body], isChunked]) => {
    const json = JSON.stringify({ model, ...body })
    const framed = isChunked ? `transfer-encoding: chunked\r\n\r\n${chunked(json)}` : `content-length: ${json.length}\r\n\r\n${json}`
    return `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${framed}`
  })
  return fc.oneof({ weight: 4, arbitrary: post }, fc.constantFrom('/v1/models', '/health', '/metrics').map(path => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`))
}

const chunked = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`

/** Headers that ask for trouble: two lengths, odd lengths, both kinds of framing, folded lines, no colon, no end. */
const oddHeader = fc.oneof(
  fc.constantFrom(
    'content-length: 5', 'content-length: 5\r\ncontent-length: 6', 'content-length: -1', 'content-length: +5', 'content-length: 0x5', 'content-length: 5, 5', 'content-length: 99999999999999999999',
    'content-length: 1e3', 'content-length:', 'content-length: 20000000', 'transfer-encoding: chunked', 'transfer-encoding: chunked, chunked', 'transfer-encoding: identity', 'transfer-encoding: xchunked',
    'transfer-encoding : chunked', 'Transfer-Encoding:\tchunked', 'transfer-encoding: gzip, chunked', 'content-length: 5\r\ntransfer-encoding: chunked', ' folded: x', 'a: b\r\n folded', 'nocolon', ': novalue', 'a\0b: c',
    'a: b\0c', 'a: b\rc: d', 'a: b\nc: d', 'host: y', 'host:', 'connection: close', 'connection: keep-alive, upgrade', 'connection: upgrade\r\nupgrade: websocket', 'upgrade: h2c', 'expect: 100-continue', 'expect: 200-ok',
    'content-type: application/json', 'content-type: application/json; charset=utf-16', 'content-type: text/plain', 'content-encoding: gzip', 'te: trailers', 'trailer: content-length', 'x-stainless-timeout: 0'
  ),
  fc.nat(40).map(size => `x-long: ${'y'.repeat(size * 500)}`),
  fc.nat(30).map(count => Array.from({ length: count * 80 }, (_, i) => `h${i}: 1`).join('\r\n'))
)

const oddBody = fc.constantFrom('', '{}', 'hello', '5\r\nhello\r\n0\r\n\r\n', 'ffffffffffffffff\r\nx', '-1\r\nx\r\n', '5;ext="\r\n"\r\nhello\r\n0\r\n\r\n', '5 \r\nhello\r\n0\r\n\r\n', '0\r\ntrailer: x\r\n\r\n',
  '0\r\ncontent-length: 5\r\n\r\n', '5\r\nhelloX', '\r\n\r\n', '1\r\na\r\n1\r\nb\r\n', `5${';'.repeat(20_000)}`, 'GET / HTTP/1.1\r\n\r\n', '0x5\r\nhello\r\n', '00000000000000005\r\nhello\r\n0\r\n\r\n')

const oddRequest = fc.tuple(
  fc.constantFrom(...methods), fc.constantFrom(...paths), fc.constantFrom(...versions), fc.array(oddHeader, { maxLength: 4 }), fc.constantFrom('\r\n', '\r\n', '\n', '\r'), oddBody, fc.boolean()
).map(([method, path, version, headers, lineEnd, body, hasHost]) => `${[`${method} ${path} ${version}`, ...hasHost ? ['host: x'] : [], ...headers].join(lineEnd)}${lineEnd}${lineEnd}${body}`)

/** Of other protocols: TLS's hello, HTTP/2's preface, SSH, Redis, and noise. */
const foreign = fc.oneof(
  fc.constantFrom(
    Buffer.from('1603010200010001fc0303', 'hex'), Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.from('SSH-2.0-OpenSSH\r\n'), Buffer.from('*1\r\n$4\r\nPING\r\n'), Buffer.from('\r\n\r\n\r\n'), Buffer.alloc(70_000, 'A'),
    Buffer.from('GET /\r\n\r\n'), Buffer.alloc(1000)
  ),
  fc.uint8Array({ minLength: 1, maxLength: 300 }).map(bytes => Buffer.from(bytes))
)

/** Some bytes taken out, put in or changed. */
function damaged (texts: fc.Arbitrary<string>): fc.Arbitrary<Buffer> {
  const edit = fc.record({ at: fc.nat(), remove: fc.nat(3), insert: fc.oneof(fc.uint8Array({ maxLength: 3 }), fc.constantFrom(Buffer.from('\r\n'), Buffer.from('\0'), Buffer.from(' '))) })
  return fc.tuple(texts, fc.array(edit, { minLength: 1, maxLength: 3 })).map(([text, edits]) => edits.reduce((bytes, { at, remove, insert }) => {
    const start = at % (bytes.length + 1)
    return Buffer.concat([bytes.subarray(0, start), insert, bytes.subarray(start + remove)])
  }, Buffer.from(text, 'latin1')))
}

export function socketScripts (model: string): fc.Arbitrary<SocketScript> {
  const good = goodRequest(model)
  const whole = fc.oneof(
    good.map(text => Buffer.from(text)),
    oddRequest.map(text => Buffer.from(text, 'latin1')),
    damaged(good), damaged(oddRequest), foreign,
    // Pipelines: of good requests, and of what lets one request pass for two.
    fc.array(fc.oneof({ weight: 4, arbitrary: good }, oddRequest), { minLength: 2, maxLength: 6 }).map(texts => Buffer.from(texts.join(''), 'latin1')),
    // Cut off.
    fc.tuple(good, fc.nat()).map(([text, at]) => Buffer.from(text.slice(0, at % text.length)))
  )
  const pauses = fc.oneof({ weight: 3, arbitrary: fc.constant([] as number[]) }, fc.array(fc.nat(), { maxLength: 8 }))
  const parts = fc.tuple(whole, pauses, fc.constantFrom(1, 5, 30, 80)).map(([bytes, cuts, pauseMs]) => {
    const places = [0, ...cuts.map(cut => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
    return places.slice(1).map((end, i) => ({ bytes: bytes.subarray(places[i], end), pauseMs: i === 0 ? 0 : pauseMs }))
  })
  return fc.record({ parts, end: fc.constantFrom('waits' as const, 'waits' as const, 'halfCloses' as const, 'destroys' as const) })
}
