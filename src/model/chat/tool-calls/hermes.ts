import type { CallReader } from './call-parser.js'
import { JsonEnd } from './json-end.js'
import { LiteralSearch } from './literal-search.js'
import type { ToolFormat } from './tool-format.js'
import { callOf, malformed, tryParse, type WrittenCall } from './written-call.js'

const opening = '<tool_call>'
const closing = '</tool_call>'

/** `<tool_call>{"name": ..., "arguments": {...}}</tool_call>`, once for each call: Hermes 2 Pro and later, Qwen 2.5 and 3. */
export const hermes: ToolFormat = {
  name: 'hermes',
  openings: [opening],
  hasBareObjects: false,
  specials: [],
  hasShortIds: false,
  spelling: () => ({ opening: '', closing: '', separator: '\n', beforeName: `${opening}\n{"name": "`, beforeArguments: '", "arguments": ', end: `}\n${closing}` }),
  read: () => new HermesCall()
}

class HermesCall implements CallReader {
  readonly #json = new JsonEnd()
  readonly #end = new LiteralSearch(closing)
  #isClosed = false

  next (code: number): boolean {
    this.#json.next(code)
    this.#isClosed = !this.#json.isInString && this.#end.next(code)
    return this.#isClosed
  }

  calls (text: string, isEnded: boolean): WrittenCall[] | undefined {
    const value = tryParse(text.slice(opening.length, this.#isClosed ? -closing.length : undefined))
    if (value !== undefined) return [callOf(value, text)]
    return isEnded ? [malformed(text, 'The tool call is not valid JSON.')] : undefined
  }
}
