import { homedir } from 'node:os'
import { errorCodes } from '../../../src/core/error-codes.js'
import type { ApiRequest } from './api-requests.js'
import type { Answer } from './fuzz-server.js'
import { pathText } from './json-schema.js'

const codes = new Map(errorCodes.flatMap(({ code, apiCode, status }) => status === undefined ? [] : [[apiCode ?? code, status]]))

/** @throws with what is wrong about an answer */
export function checkAnswer (request: ApiRequest, { status, headers, body }: Answer): void {
  if (status === 200) {
    must(request.params === undefined, `was answered, and must name one of ${request.params?.map(pathText).join(', ')}`)
    if (String(headers['content-type']).startsWith('text/event-stream')) checkEvents(body)
    else if (String(headers['content-type']).startsWith('application/json')) JSON.parse(body)
    return
  }
  must(status >= 400 && status < 500, `has the status ${status}: ${body.slice(0, 500)}`)
  const error = checkError(body, status)
  if (request.params === undefined) return
  must(status === 400, `has the status ${status} in place of 400: ${error.message}`)
  const named = pathText(error.param ?? '')
  const places = request.params.map(pathText)
  // What is wrong may be something within the value that was put there.
  must(places.includes(named) || places.at(-1) === '' || named.startsWith(`${places.at(-1)}.`), `names ${named} in place of ${places.join(' or ')}: ${error.message}`)
}

interface ApiError {
  readonly message: string
  readonly param: string | null
}

/** OpenAI's form, a code that is listed, and nothing of this machine. */
export function checkError (body: string, status: number): ApiError {
  const parsed = JSON.parse(body) as { error: Record<string, unknown> }
  must(Object.keys(parsed).join() === 'error', `is no error object: ${body.slice(0, 500)}`)
  const { message, type, param, code } = parsed.error
  must(Object.keys(parsed.error).sort().join() === 'code,message,param,type', `has other fields: ${body.slice(0, 500)}`)
  must(typeof message === 'string' && message.length > 10 && message.length < 5000, 'has no message, or one that is too long')
  must(typeof type === 'string' && (param === null || typeof param === 'string'), 'has a type or a param that is no text')
  must(codes.get(String(code)) === status, `has the code ${String(code)} with the status ${status}`)
  must(!/\n\s+at |node_modules|node:internal|\.[cm]?[jt]s:\d/.test(String(message)) && !String(message).includes(process.cwd()) && !String(message).includes(`${homedir()}/`), `tells of this machine: ${String(message)}`)
  return { message: message as string, param: param as string | null }
}

/** Whole events of JSON, the last of which says that it is over; an error among them is not the server's fault. */
function checkEvents (body: string): void {
  must(body.endsWith('\n\n'), 'ends within an event')
  const events = body.split('\n\n').filter(event => event !== '' && !event.startsWith(':')).map(event => event.split('\n').find(line => line.startsWith('data: '))!.slice('data: '.length))
  const last = events.at(-1)
  const isOver = last === '[DONE]' || /^\{"type":"response\.(?:completed|incomplete)"/.test(last!)
  for (const event of events.filter(one => one !== '[DONE]')) {
    const { error } = JSON.parse(event) as { error?: { type: string, message: string } | null }
    must(error == null || error.type !== 'server_error', `has an error event: ${error?.message}`)
    if (error != null) return
  }
  must(isOver, `ends with ${last?.slice(0, 300)}`)
}

function must (isTrue: boolean, what: string): void {
  if (!isTrue) throw new Error(`The answer ${what}`)
}
