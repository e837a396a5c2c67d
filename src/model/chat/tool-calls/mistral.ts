import type { CallReader } from './call-parser.js'
import { CallProgress } from './call-progress.js'
import { isSpace, JsonEnd } from './json-end.js'
import type { ToolFormat } from './tool-format.js'
import { type BegunCall, callOf, callWith, malformed, tryParse, type WrittenCall } from './written-call.js'

const opening = '[TOOL_CALLS]'
const argsTag = '[ARGS]'
const idTag = '[CALL_ID]'
const maxHeadChars = 512

/**
 * `[TOOL_CALLS][{"name": ..., "arguments": {...}}, ...]`, and since version 11 of Mistral's tokenizers
 * `[TOOL_CALLS]name[ARGS]{...}`, once for each call.
 */
export const mistral: ToolFormat = {
  name: 'mistral',
  openings: [opening],
  hasBareObjects: false,
  specials: [opening, argsTag, idTag],
  // Mistral's templates refuse ids of another length than nine.
  hasShortIds: true,
  spelling: template => template.includes(argsTag)
    ? { opening: '', closing: '', separator: '', beforeName: opening, beforeArguments: argsTag, end: '' }
    : { opening: `${opening}[`, closing: ']', separator: ', ', beforeName: '{"name": "', beforeArguments: '", "arguments": ', end: '}' },
  read: () => new MistralCall()
}

class MistralCall implements CallReader {
  /** Behind the opening: undefined until the first character that is no blank. */
  #isList: boolean | undefined
  /** Before the value: the name, where the call is none of a list. */
  #head = ''
  /** Undefined before the value. */
  #list: CallProgress | undefined
  #json: JsonEnd | undefined
  #begun: BegunCall[] = []
  /** Of the call's text, up to here. */
  #numChars = 0

  get begun (): readonly BegunCall[] {
    return this.#list?.begun ?? this.#begun
  }

  next (code: number): boolean {
    if (this.#json === undefined) {
      this.#isList ??= isSpace(code) ? undefined : code === openBracket
      if (this.#isList !== true && code !== openBrace) {
        this.#head += String.fromCharCode(code)
        // It would go on to the answer's end; what follows is text.
        return this.#head.length > maxHeadChars
      }
      this.#beginValue()
    }
    if (this.#list !== undefined) this.#list.next(code)
    else this.#nextOfArguments(code)
    return this.#json!.isDone
  }

  calls (text: string, isEnded: boolean): WrittenCall[] | undefined {
    const body = text.slice(opening.length)
    if (this.#json?.isDone !== true) return isEnded ? [malformed(text, 'The tool call is not complete.')] : undefined
    if (this.#isList === true) {
      const list = tryParse(body)
      return Array.isArray(list) ? list.map((value, i) => callOf(value, text, this.begun[i])) : [malformed(text, 'The list of tool calls is not valid JSON.')]
    }
    const name = this.#name()
    if (name === '') return [malformed(text, 'The tool call has no name.')]
    const value = tryParse(body.slice(this.#head.length))
    return [value === undefined ? malformed(text, `The arguments of ${name} are not valid JSON.`, name) : callWith(name, value, text, this.begun[0])]
  }

  #name (): string {
    return this.#head.split(argsTag)[0]!.split(idTag)[0]!.trim()
  }

  #beginValue (): void {
    const start = opening.length + this.#head.length
    if (this.#isList === true) this.#list = new CallProgress(true, start)
    else if (this.#name() !== '') this.#begun = [{ name: this.#name(), start, end: undefined }]
    this.#json = this.#list?.json ?? new JsonEnd()
    this.#numChars = start
  }

  #nextOfArguments (code: number): void {
    this.#json!.next(code)
    this.#numChars++
    const [call] = this.#begun
    if (call !== undefined && (this.#json!.isDone || this.#json!.isBroken)) call.end ??= this.#numChars
  }
}

const openBrace = 0x7b
const openBracket = 0x5b
