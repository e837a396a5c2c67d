/** One answer as it stands in the bytes of a connection. */
export interface WireAnswer {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
  /** Its body has come in full. */
  readonly isWhole: boolean
}

/**
 * The answers that a server's bytes consist of. It takes only what servers should write: a status line, headers,
 * a length or chunks.
 *
 * @throws for bytes that belong to none
 */
export function wireAnswers (bytes: Buffer): WireAnswer[] {
  const text = bytes.toString('latin1')
  const answers: WireAnswer[] = []
  for (let at = 0; at < text.length;) {
    const { answer, end } = readAnswer(text, at)
    answers.push(answer)
    at = end
  }
  return answers
}

function readAnswer (text: string, start: number): { answer: WireAnswer, end: number } {
  const headEnd = text.indexOf('\r\n\r\n', start)
  const [statusLine, ...lines] = text.slice(start, headEnd < 0 ? undefined : headEnd).split('\r\n')
  const status = Number(/^HTTP\/1\.1 ([1-5]\d\d) [A-Za-z -]+$/.exec(statusLine!)?.[1])
  if (headEnd < 0 || Number.isNaN(status)) throw new Error(`no answer begins with ${JSON.stringify(text.slice(start, start + 200))}`)
  const headers = new Map(lines.map(line => {
    const [, name, value] = /^([\w-]+): (.*)$/.exec(line) ?? []
    if (name === undefined) throw new Error(`no header: ${JSON.stringify(line)}`)
    return [name.toLowerCase(), value!]
  }))
  const body = headEnd + 4
  // Of informational answers, and of those to HEAD, which have a length and no body: another answer follows, or nothing.
  if (status < 200 || status === 204 || text.length === body || text.startsWith('HTTP/1.1 ', body)) return { answer: { status, headers, body: '', isWhole: true }, end: body }
  if (headers.get('transfer-encoding') === 'chunked') {
    const chunks = readChunks(text, body)
    return { answer: { status, headers, ...chunks }, end: chunks.end }
  }
  const length = headers.get('content-length')
  // Without a length it ends with the connection, as HTTP/1.0 has it.
  const end = length === undefined ? text.length : body + Number(length)
  return { answer: { status, headers, body: utf8(text.slice(body, end)), isWhole: end <= text.length }, end }
}

function readChunks (text: string, start: number): { body: string, isWhole: boolean, end: number } {
  let body = ''
  for (let at = start; ;) {
    const lineEnd = text.indexOf('\r\n', at)
    if (lineEnd < 0) return { body: utf8(body), isWhole: false, end: text.length }
    if (!/^[0-9a-f]+$/i.test(text.slice(at, lineEnd))) throw new Error(`no chunk begins with ${JSON.stringify(text.slice(at, at + 60))}`)
    const size = parseInt(text.slice(at, lineEnd), 16)
    const end = lineEnd + 2 + size + 2
    if (size === 0 || end > text.length) return { body: utf8(body + text.slice(lineEnd + 2, end - 2)), isWhole: size === 0, end: Math.min(end, text.length) }
    body += text.slice(lineEnd + 2, end - 2)
    at = end
  }
}

const utf8 = (latin1: string): string => Buffer.from(latin1, 'latin1').toString()
