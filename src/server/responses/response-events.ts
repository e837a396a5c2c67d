import type { GenerationChunk, GenerationResult, TokenLogprob, ToolCallDelta } from '../../engine/api.js'
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

/** A call, while its arguments are written. */
interface OpenCall {
  readonly name: string
  readonly place: { readonly item_id: string, readonly output_index: number }
  argumentsText: string
}

const textEvents: Readonly<Record<TextType, string>> = { reasoning: 'response.reasoning_text', message: 'response.output_text' }

/** The named and numbered events of a streamed response; there is no [DONE]. */
export class ResponseEvents implements EventFormat {
  readonly #head: ResponseHead
  readonly #options: ResponseEventOptions
  /** 0 and 1 are the opening's, which is written when the first of the others goes out. */
  #sequenceNumber = 2
  /** Items as clients have seen them; one that is being written is in progress. */
  readonly #output: OutputItem[] = []
  #text: OpenText | undefined
  /** By their ids. */
  readonly #calls = new Map<string, OpenCall>()

  constructor (head: ResponseHead, options: ResponseEventOptions) {
    this.#head = head
    this.#options = options
  }

  opening (): string {
    const response = unfinishedResponse(this.#head)
    return eventOf('response.created', { response }, 0) + eventOf('response.in_progress', { response }, 1)
  }

  chunk ({ text, reasoning, logprobs, toolCallDeltas }: GenerationChunk): string {
    let events = reasoning === undefined ? '' : this.#write('reasoning', reasoning, undefined)
    if (text !== '' || (logprobs !== undefined && logprobs.length > 0)) events += this.#write('message', text, logprobs)
    if (toolCallDeltas !== undefined) events += toolCallDeltas.map(delta => this.#writeCall(delta)).join('')
    return events
  }

  closing ([result]: readonly GenerationResult[]): string {
    const status = finalStatus(result!)
    // Where nothing is said, a message says so.
    const isSilent = this.#output.every(({ type }) => type === 'reasoning') && (this.#text === undefined || status === 'completed')
    let events = (isSilent ? this.#openText('message') : '') + this.#closeText(status)
    for (const id of [...this.#calls.keys()]) events += this.#closeCall(id, 'incomplete')
    const response = finishedResponse(this.#head, result!, this.#output)
    this.#options.onFinished(response)
    return events + this.#event(`response.${response.status}`, { response })
  }

  failure ({ error: { message } }: OpenAiErrorBody): string {
    return this.#event('response.failed', { response: failedResponse(this.#head, message) })
  }

  #write (type: TextType, text: string, logprobs: readonly TokenLogprob[] | undefined): string {
    const opening = this.#text?.type === type ? '' : this.#openText(type)
    const open = this.#text!
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
    const item = type === 'message' ? outputMessage(id, 'in_progress', []) : reasoningItem(id, 'in_progress', [])
    const place = { item_id: id, output_index: this.#output.push(item) - 1, content_index: 0 }
    const delta = `${textEvents[type]}.delta`
    this.#text = { type, place, prefix: `event: ${delta}\ndata: ${JSON.stringify({ type: delta, ...place }).slice(0, -1)}`, text: '', logprobs: [] }
    return before + this.#event('response.output_item.added', { output_index: place.output_index, item }) +
      this.#event('response.content_part.added', { ...place, part: partOf(type, '', undefined) })
  }

  #closeText (status: ItemStatus): string {
    if (this.#text === undefined) return ''
    const { type, place, text, logprobs } = this.#text
    this.#text = undefined
    const part = partOf(type, text, logprobs)
    const item = part.type === 'output_text' ? outputMessage(place.item_id, status, [part]) : reasoningItem(place.item_id, status, [part])
    this.#output[place.output_index] = item
    return this.#event(`${textEvents[type]}.done`, { ...place, text, ...part.type === 'output_text' ? { logprobs: part.logprobs } : {} }) +
      this.#event('response.content_part.done', { ...place, part }) +
      this.#event('response.output_item.done', { output_index: place.output_index, item })
  }

  #writeCall ({ id, name = '', arguments: args, isComplete = false }: ToolCallDelta): string {
    let events = this.#calls.has(id) ? '' : this.#openCall(id, name)
    const call = this.#calls.get(id)!
    call.argumentsText += args
    if (args !== '') events += this.#event('response.function_call_arguments.delta', { ...call.place, delta: args })
    return isComplete ? events + this.#closeCall(id, 'completed') : events
  }

  /** Ends a text that is open: one behind the call is an item of its own. */
  #openCall (id: string, name: string): string {
    const before = this.#closeText('completed')
    const item = functionCall(itemId(this.#head.id, 'function_call', this.#numberOf('function_call')), 'in_progress', { id, name, argumentsText: '' })
    const index = this.#output.push(item) - 1
    this.#calls.set(id, { name, place: { item_id: item.id, output_index: index }, argumentsText: '' })
    return before + this.#event('response.output_item.added', { output_index: index, item })
  }

  /** 'incomplete': it turned out to be none, and comes as text. */
  #closeCall (id: string, status: 'completed' | 'incomplete'): string {
    const { name, place, argumentsText } = this.#calls.get(id)!
    this.#calls.delete(id)
    const item = functionCall(place.item_id, status, { id, name, argumentsText })
    this.#output[place.output_index] = item
    return (status === 'completed' ? this.#event('response.function_call_arguments.done', { ...place, name, arguments: argumentsText }) : '') +
      this.#event('response.output_item.done', { output_index: place.output_index, item })
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
