import { isSpace, JsonEnd } from './json-end.js'
import { type BegunCall, tryParse } from './written-call.js'

type Place = 'key' | 'colon' | 'value'

/** Longer keys and names are none of ours. */
const maxStringChars = 256

/** Follows the JSON of one call, or of a list of calls, as it is written, and finds names and arguments in it. It does not check the JSON. */
export class CallProgress {
  readonly json = new JsonEnd()
  /** In their order; a call without an object of arguments, or with its name behind them, ends the list. */
  readonly begun: BegunCall[] = []
  /** How deep a call's keys are: 1, or 2 in a list. */
  readonly #depth: number
  /** Of the next character, within the call's text. */
  #at: number
  #numElements = 0
  /** What comes next in a call's object; undefined = nothing that matters. */
  #place: Place | undefined
  #key = ''
  #name: string | undefined
  /** A key or a name that is being written. */
  #string: string | undefined

  constructor (isList: boolean, start: number) {
    this.#depth = isList ? 2 : 1
    this.#at = start
  }

  next (code: number): void {
    const { json } = this
    const { isInString, depth } = json
    json.next(code)
    const at = this.#at++
    if (json.isBroken) this.#end(at)
    else if (isInString) this.#nextInString(code)
    else if (!isSpace(code)) this.#nextSign(code, depth, at)
  }

  #nextInString (code: number): void {
    if (this.#string === undefined) return
    if (!this.json.isInString) this.#endString(this.#string)
    else if (this.#string.length < maxStringChars) this.#string += String.fromCharCode(code)
    else this.#string = undefined
  }

  #endString (written: string): void {
    const text = tryParse(`"${written}"`)
    this.#string = undefined
    if (this.#place === 'colon') this.#key = String(text)
    else if (typeof text === 'string' && text !== '') this.#name = text
  }

  #nextSign (code: number, depth: number, at: number): void {
    const { json } = this
    if (json.depth < depth) this.#close(at)
    else if (json.depth > depth) this.#open(code, at)
    else if (depth === this.#depth) this.#nextInCall(code)
    else if (depth === this.#depth - 1 && code === comma) this.#numElements++
  }

  #open (code: number, at: number): void {
    const isObject = code === openBrace
    if (this.json.depth === this.#depth) {
      this.#place = isObject ? 'key' : undefined
      this.#name = undefined
    } else if (this.json.depth === this.#depth + 1) {
      const isArguments = isObject && this.#place === 'value' && (this.#key === 'arguments' || this.#key === 'parameters')
      if (isArguments && this.#name !== undefined && this.begun.length === this.#numElements) this.begun.push({ name: this.#name, start: at, end: undefined })
      this.#place = undefined
    }
  }

  #close (at: number): void {
    if (this.json.depth === this.#depth) this.#end(at + 1)
  }

  /** Of the arguments that go on. */
  #end (at: number): void {
    const last = this.begun.at(-1)
    if (last !== undefined) last.end ??= at
  }

  #nextInCall (code: number): void {
    if (code === comma) this.#place = 'key'
    else if (code === colon && this.#place === 'colon') this.#place = 'value'
    else {
      const isKey = this.#place === 'key'
      const isName = this.#place === 'value' && this.#key === 'name'
      if (this.json.isInString && (isKey || isName)) this.#string = ''
      if (isKey) this.#key = ''
      this.#place = isKey ? 'colon' : undefined
    }
  }
}

const comma = 0x2c
const colon = 0x3a
const openBrace = 0x7b
