import type { GenerationChunk, GenerationResult, TokenLogprob, ToolCall } from '../../engine/api.js'
import type { EventFormat } from '../generation-request.js'
import { obfuscationField } from '../obfuscation.js'
import type { OpenAiErrorBody } from '../openai-error.js'
import {
  functionCall, itemId, outputMessage, outputText, reasoningItem, reasoningText, textLogprobs, type ItemStatus, type OutputItem, type OutputText, type ReasoningText
} from './response-items.js'
import { failedResponse, finalStatus, finishedResponse, unfinishedResponse, type FinishedResponse, type ResponseHead } from './response-object.js'

export interface ResponseEventOptions {
  readonly obfuscate: boolean
  /** Called before the event that tells the client of it. */
  readonly onFinished: (response: FinishedResponse) => void
}

type TextType = 'reasoning' | 'message'

/** Thoughts or a message, while they are written. */
interface OpenText {
  readonly type: TextType
  readonly place: { readonly item_id: string, readonly output_index: number, readonly content_index: number }
  /** What all its deltas begin with. */
  readonly prefix: string
  text: string
  readonly logprobs: TokenLogprob[]
}

const textEvents: Readonly<Record<TextType, string>> = { reasoning: 'response.reasoning_text', message: 'response.output_text' }

/** The named and numbered events of a streamed response, one item after the other; there is no [DONE]. */
export class ResponseEvents implements EventFormat {
  readonly #head: ResponseHead
  readonly #options: ResponseEventOptions
  /** 0 and 1 are the opening's, which is written when the first of the others goes out. */
  #sequenceNumber = 2
  /** Items that have ended, as clients have seen them. */
  readonly #output: OutputItem[] = []
  #open: OpenText | undefined

  constructor (head: ResponseHead, options: ResponseEventOptions) {
    this.#head = head
    this.#options = options
  }

  opening (): string {
    const response = unfinishedResponse(this.#head)
    return eventOf('response.created', { response }, 0) + eventOf('response.in_progress', { response }, 1)
  }

  chunk ({ text, reasoning, logprobs }: GenerationChunk): string {
    let events = reasoning === undefined ? '' : this.#write('reasoning', reasoning, undefined)
    if (text !== '' || (logprobs !== undefined && logprobs.length > 0)) events += this.#write('message', text, logprobs)
    return events
  }

  closing ([result]: readonly GenerationResult[]): string {
    const { toolCalls = [] } = result!.choices[0]!
    const status = finalStatus(result!)
    const isWithoutText = this.#open?.type !== 'message' && toolCalls.length === 0
    let events = isWithoutText && (this.#open === undefined || status === 'completed') ? this.#openText('message') : ''
    events += this.#closeText(status)
    for (const call of toolCalls) events += this.#call(call)
    const response = finishedResponse(this.#head, result!, this.#output)
    this.#options.onFinished(response)
    return events + this.#event(`response.${response.status}`, { response })
  }

  failure ({ error: { message } }: OpenAiErrorBody): string {
    return this.#event('response.failed', { response: failedResponse(this.#head, message) })
  }

  #write (type: TextType, text: string, logprobs: readonly TokenLogprob[] | undefined): string {
    const opening = this.#open?.type === type ? '' : this.#openText(type)
    const open = this.#open!
    open.text += text
    if (logprobs !== undefined) open.logprobs.push(...logprobs)
    const logprobsField = type === 'message' ? `,"logprobs":${logprobs === undefined ? '[]' : JSON.stringify(textLogprobs(logprobs))}` : ''
    const event = `${open.prefix},"delta":${JSON.stringify(text)}${logprobsField},"sequence_number":${this.#sequenceNumber++}`
    return `${opening}${event}${this.#options.obfuscate ? obfuscationField(event.length) : ''}}\n\n`
  }

  /** Also ends what is open. */
  #openText (type: TextType): string {
    const before = this.#closeText('completed')
    const id = itemId(this.#head.id, type, this.#numberOf(type))
    const place = { item_id: id, output_index: this.#output.length, content_index: 0 }
    const delta = `${textEvents[type]}.delta`
    this.#open = { type, place, prefix: `event: ${delta}\ndata: ${JSON.stringify({ type: delta, ...place }).slice(0, -1)}`, text: '', logprobs: [] }
    const item = type === 'message' ? outputMessage(id, 'in_progress', []) : reasoningItem(id, 'in_progress', [])
    return before + this.#event('response.output_item.added', { output_index: place.output_index, item }) +
      this.#event('response.content_part.added', { ...place, part: partOf(type, '', undefined) })
  }

  #closeText (status: ItemStatus): string {
    if (this.#open === undefined) return ''
    const { type, place, text, logprobs } = this.#open
    this.#open = undefined
    const part = partOf(type, text, logprobs)
    const item = part.type === 'output_text' ? outputMessage(place.item_id, status, [part]) : reasoningItem(place.item_id, status, [part])
    this.#output.push(item)
    return this.#event(`${textEvents[type]}.done`, { ...place, text, ...part.type === 'output_text' ? { logprobs: part.logprobs } : {} }) +
      this.#event('response.content_part.done', { ...place, part }) +
      this.#event('response.output_item.done', { output_index: place.output_index, item })
  }

  /** The engine gives calls when the answer has ended: behind its text, and whole. */
  #call (call: ToolCall): string {
    const item = functionCall(itemId(this.#head.id, 'function_call', this.#numberOf('function_call')), call)
    const index = this.#output.length
    const place = { item_id: item.id, output_index: index }
    this.#output.push(item)
    return this.#event('response.output_item.added', { output_index: index, item: { ...item, arguments: '', status: 'in_progress' } }) +
      this.#event('response.function_call_arguments.delta', { ...place, delta: item.arguments }) +
      this.#event('response.function_call_arguments.done', { ...place, name: item.name, arguments: item.arguments }) +
      this.#event('response.output_item.done', { output_index: index, item })
  }

  /** Items of this type so far. */
  #numberOf (type: OutputItem['type']): number {
    return this.#output.filter(item => item.type === type).length
  }

  #event (type: string, fields: object): string {
    return eventOf(type, fields, this.#sequenceNumber++)
  }
}

function partOf (type: TextType, text: string, logprobs: readonly TokenLogprob[] | undefined): OutputText | ReasoningText {
  return type === 'message' ? outputText(text, logprobs) : reasoningText(text)
}

function eventOf (type: string, fields: object, sequenceNumber: number): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields, sequence_number: sequenceNumber })}\n\n`
}
