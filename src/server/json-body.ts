import type { FastifyInstance } from 'fastify'
import { MalformedRequestError } from './errors.js'

/** No real request comes near; parsing far deeper ones takes seconds, which all clients would wait. */
const maxDepth = 200

/** JSON is the only body that is taken, and its nesting is bounded before it is parsed. */
export function useJsonBodies (app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  const parse = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    if (isDeeperThan(body, maxDepth)) {
      done(new MalformedRequestError(`The body is nested more than ${maxDepth} levels deep. Send a flatter one.`))
      return
    }
    // Answers through `done`; its own promise, where the type allows for one, is not used.
    void parse(request, body.toString('utf8'), done)
  })
}

const quote = 0x22
const backslash = 0x5c

/** Counts brackets outside of strings; what is no JSON at all is left to the parser. */
export function isDeeperThan (json: Buffer, depthLimit: number): boolean {
  let depth = 0
  for (let i = 0; i < json.length; i++) {
    const byte = json[i]
    if (byte === quote) {
      i = stringEnd(json, i)
      if (i < 0) return false
    } else if (byte === 0x5b || byte === 0x7b) {
      if (++depth > depthLimit) return true
    } else if (byte === 0x5d || byte === 0x7d) depth--
  }
  return false
}

/** Index of the quote that ends the string which begins at `start`; -1 = none. */
function stringEnd (json: Buffer, start: number): number {
  let end = start
  do {
    end = json.indexOf(quote, end + 1)
  } while (end >= 0 && isEscaped(json, end))
  return end
}

/** An odd number of backslashes stands before it. */
function isEscaped (json: Buffer, index: number): boolean {
  let first = index
  while (json[first - 1] === backslash) first--
  return (index - first) % 2 === 1
}
