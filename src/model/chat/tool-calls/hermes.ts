import type { CallReader } from './call-parser.js'
import { CallProgress } from './call-progress.js'
import { LiteralSearch } from './literal-search.js'
import type { ToolFormat } from './tool-format.js'
import { type BegunCall, callOf, malformed, tryParse, type WrittenCall } from './written-call.js'

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
  readonly #progress = new CallProgress(false, opening.length)
  readonly #end = new LiteralSearch(closing)
  #isClosed = false

  get begun (): readonly BegunCall[] {
    return this.#progress.begun
  }

  next (code: number): boolean {
    this.#progress.next(code)
    this.#isClosed = !this.#progress.json.isInString && this.#end.next(code)
    return this.#isClosed
  }

  calls (text: string, isEnded: boolean): WrittenCall[] | undefined {
    const value = tryParse(text.slice(opening.length, this.#isClosed ? -closing.length : undefined))
    if (value !== undefined) return [callOf(value, text, this.begun[0])]
    return isEnded ? [malformed(text, 'The tool call is not valid JSON.')] : undefined
  }
}
