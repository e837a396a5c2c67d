import type { GenerationChunk, GenerationResult } from '../../engine/api.js'
import type { EventFormat } from '../generation-request.js'
import { obfuscationField } from '../obfuscation.js'
import type { OpenAiErrorBody } from '../openai-error.js'
import {
  failedResponse, finishedResponse, messageId, outputMessage, outputText, textLogprobs, unfinishedResponse, type FinishedResponse, type FunctionCall, type OutputMessage, type ResponseHead
} from './response-object.js'

export interface ResponseEventOptions {
  readonly obfuscate: boolean
  /** Called before the event that tells the client of it. */
  readonly onFinished: (response: FinishedResponse) => void
}

/** The named and numbered events of a streamed response; there is no [DONE]. */
export class ResponseEvents implements EventFormat {
  readonly #head: ResponseHead
  readonly #options: ResponseEventOptions
  readonly #place: { item_id: string, output_index: number, content_index: number }
  /** What all pieces of text begin with. */
  readonly #deltaPrefix: string
  /** 0 and 1 are the opening's, which is written when the first of the others goes out. */
  #sequenceNumber = 2
  #isMessageOpen = false

  constructor (head: ResponseHead, options: ResponseEventOptions) {
    this.#head = head
    this.#options = options
    this.#place = { item_id: messageId(head), output_index: 0, content_index: 0 }
    const type = 'response.output_text.delta'
    this.#deltaPrefix = `event: ${type}\ndata: ${JSON.stringify({ type, ...this.#place }).slice(0, -1)}`
  }

  opening (): string {
    const response = unfinishedResponse(this.#head)
    return eventOf('response.created', { response }, 0) + eventOf('response.in_progress', { response }, 1)
  }

  chunk ({ text, logprobs }: GenerationChunk): string {
    if (text === '' && (logprobs === undefined || logprobs.length === 0)) return ''
    const opening = this.#isMessageOpen ? '' : this.#openMessage()
    const logprobsJson = logprobs === undefined ? '[]' : JSON.stringify(textLogprobs(logprobs))
    const event = `${this.#deltaPrefix},"delta":${JSON.stringify(text)},"logprobs":${logprobsJson},"sequence_number":${this.#sequenceNumber++}`
    return `${opening}${event}${this.#options.obfuscate ? obfuscationField(event.length) : ''}}\n\n`
  }

  closing ([result]: readonly GenerationResult[]): string {
    const response = finishedResponse(this.#head, result!)
    this.#options.onFinished(response)
    let events = ''
    for (const [index, item] of response.output.entries()) events += item.type === 'message' ? this.#endMessage(item) : this.#call(item, index)
    return events + this.#event(`response.${response.status}`, { response })
  }

  failure ({ error: { message } }: OpenAiErrorBody): string {
    return this.#event('response.failed', { response: failedResponse(this.#head, message) })
  }

  #openMessage (): string {
    this.#isMessageOpen = true
    return this.#event('response.output_item.added', { output_index: 0, item: outputMessage(this.#head, 'in_progress', []) }) +
      this.#event('response.content_part.added', { ...this.#place, part: outputText('', undefined) })
  }

  #endMessage (item: OutputMessage): string {
    const part = item.content[0]!
    return (this.#isMessageOpen ? '' : this.#openMessage()) +
      this.#event('response.output_text.done', { ...this.#place, text: part.text, logprobs: part.logprobs }) +
      this.#event('response.content_part.done', { ...this.#place, part }) +
      this.#event('response.output_item.done', { output_index: 0, item })
  }

  /** The engine gives calls when the answer has ended: behind its text, and whole. */
  #call (item: FunctionCall, index: number): string {
    const place = { item_id: item.id, output_index: index }
    return this.#event('response.output_item.added', { output_index: index, item: { ...item, arguments: '', status: 'in_progress' } }) +
      this.#event('response.function_call_arguments.delta', { ...place, delta: item.arguments }) +
      this.#event('response.function_call_arguments.done', { ...place, name: item.name, arguments: item.arguments }) +
      this.#event('response.output_item.done', { output_index: index, item })
  }

  #event (type: string, fields: object): string {
    return eventOf(type, fields, this.#sequenceNumber++)
  }
}

function eventOf (type: string, fields: object, sequenceNumber: number): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields, sequence_number: sequenceNumber })}\n\n`
}
