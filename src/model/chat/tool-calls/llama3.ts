import type { CallReader } from './call-parser.js'
import { CallProgress } from './call-progress.js'
import { isSpace } from './json-end.js'
import type { ToolFormat } from './tool-format.js'
import { type BegunCall, callOf, isObject, malformed, tryParse, type WrittenCall } from './written-call.js'

const tag = '<|python_tag|>'

/** `{"name": ..., "parameters": {...}}` as the whole answer, with a tag before it or not; several in a row. Llama 3.1 and later. */
export const llama3: ToolFormat = {
  name: 'llama3',
  openings: [tag],
  hasBareObjects: true,
  specials: [tag],
  hasShortIds: false,
  spelling: () => ({ opening: '', closing: '', separator: '; ', beforeName: '{"name": "', beforeArguments: '", "parameters": ', end: '}' }),
  read: opening => new LlamaCall(opening === tag)
}

class LlamaCall implements CallReader {
  readonly #hasTag: boolean
  readonly #progress: CallProgress
  #isObject = false

  constructor (hasTag: boolean) {
    this.#hasTag = hasTag
    this.#progress = new CallProgress(false, hasTag ? tag.length : 0)
  }

  get begun (): readonly BegunCall[] {
    return this.#progress.begun
  }

  next (code: number): boolean {
    const { json } = this.#progress
    this.#progress.next(code)
    this.#isObject ||= code === 0x7b
    // Behind the tag there may be code, which is no call of a tool.
    if (!this.#isObject) return !isSpace(code)
    return json.isDone || (json.isBroken && !this.#hasTag)
  }

  calls (text: string, isEnded: boolean): WrittenCall[] | undefined {
    const value = tryParse(this.#hasTag ? text.slice(tag.length) : text)
    const isCall = isObject(value) && typeof value['name'] === 'string' && ('parameters' in value || 'arguments' in value)
    if (isCall) return [callOf(value, text, this.begun[0])]
    // Without the tag it may be an answer in JSON.
    return this.#hasTag && this.#isObject && isEnded ? [malformed(text, 'The tool call must be a JSON object with name and parameters.')] : undefined
  }
}
