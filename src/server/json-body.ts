import type { FastifyInstance } from 'fastify'
import { isUtf8 } from 'node:buffer'
import { MalformedRequestError } from './errors.js'

/** No real request comes near; parsing far deeper ones takes seconds, which all clients would wait. */
const maxDepth = 200
/** Names with values, in all objects together: those that differ take the parser longest. */
const maxMembers = 250_000

/** JSON is the only body that is taken, and its form is bounded before it is parsed. */
export function useJsonBodies (app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  const parse = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    const excess = excessOf(body)
    if (excess !== undefined) {
      done(new MalformedRequestError(`The body ${excess}`))
      return
    }
    // Decoding would put other characters in their place, without a word.
    if (!isUtf8(body)) {
      done(new MalformedRequestError('The body is not UTF-8, as JSON must be.'))
      return
    }
    // Answers through `done`; its own promise, where the type allows for one, is not used.
    void parse(request, body.toString('utf8'), done)
  })
}

/**
 * JSON within a text of the body, such as a call's arguments.
 *
 * @throws SyntaxError for what is none, and for what the body itself could not be
 */
export function parseJsonText (json: string): unknown {
  const excess = excessOf(Buffer.from(json))
  if (excess !== undefined) throw new SyntaxError(`The text ${excess}`)
  return JSON.parse(json)
}

/** What is too much about it, for the end of a sentence; what is no JSON at all is left to the parser. */
function excessOf (json: Buffer): string | undefined {
  switch (exceeded(json, maxDepth, maxMembers)) {
    case 'depth': return `is nested more than ${maxDepth} levels deep. Send a flatter one.`
    case 'members': return `has more than ${maxMembers} members of objects. Send a smaller one.`
    case undefined: return undefined
  }
}

const quote = 0x22
const backslash = 0x5c
const colon = 0x3a

/** Counts brackets and colons outside of strings. */
export function exceeded (json: Buffer, depthLimit: number, memberLimit: number): 'depth' | 'members' | undefined {
  let depth = 0
  let members = 0
  for (let i = 0; i < json.length; i++) {
    const byte = json[i]
    if (byte === quote) {
      i = stringEnd(json, i)
      if (i < 0) return undefined
    } else if (byte === colon) {
      if (++members > memberLimit) return 'members'
    } else if (byte === 0x5b || byte === 0x7b) {
      if (++depth > depthLimit) return 'depth'
    } else if (byte === 0x5d || byte === 0x7d) depth--
  }
  return undefined
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
