import type { CallReader } from './call-parser.js'
import { isSpace, JsonEnd } from './json-end.js'
import type { ToolFormat } from './tool-format.js'
import { callOf, callWith, malformed, tryParse, type WrittenCall } from './written-call.js'

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
  readonly #json = new JsonEnd()
  /** Behind the opening: undefined until the first character that is no blank. */
  #isList: boolean | undefined
  #isInValue = false
  #headChars = 0

  next (code: number): boolean {
    if (!this.#isInValue) {
      this.#isList ??= isSpace(code) ? undefined : code === 0x5b
      this.#isInValue = this.#isList === true || code === 0x7b
      // It would go on to the answer's end; what follows is text.
      if (!this.#isInValue) return ++this.#headChars > maxHeadChars
    }
    this.#json.next(code)
    return this.#json.isDone
  }

  calls (text: string, isEnded: boolean): WrittenCall[] | undefined {
    const body = text.slice(opening.length)
    if (!this.#json.isDone) return isEnded ? [malformed(text, 'The tool call is not complete.')] : undefined
    if (this.#isList === true) {
      const list = tryParse(body)
      return Array.isArray(list) ? list.map(value => callOf(value, text)) : [malformed(text, 'The list of tool calls is not valid JSON.')]
    }
    const brace = body.indexOf('{')
    const name = body.slice(0, brace).split(argsTag)[0]!.split(idTag)[0]!.trim()
    if (name === '') return [malformed(text, 'The tool call has no name.')]
    const value = tryParse(body.slice(brace))
    return [value === undefined ? malformed(text, `The arguments of ${name} are not valid JSON.`, name) : callWith(name, value, text)]
  }
}
