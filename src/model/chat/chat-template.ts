import { InvalidParameterError, OverloadedError } from '../../core/errors.js'
import { JobThread, type JobFailure } from '../../threads/job-thread.js'
import { ChatTemplateError } from '../errors.js'
import { jsonEscape } from '../tokenizer/special-tokens.js'
import type { GuardedText, SpecialTokens } from '../tokenizer/tokenizer.js'
import { MessageGuard } from './guard-messages.js'
import { stripFunctions } from './strip-arguments.js'
import type { TemplateJob, TemplateReply, TemplateWorkerData } from './template-job.js'
import { templateFor, type TemplateSources } from './template-source.js'

/** `transformers` names: bos_token, eos_token, ...; those that the model does not have are missing. */
export type SpecialTokenNames = Readonly<Record<string, string>>

export interface ChatInput {
  readonly messages: readonly unknown[]
  readonly tools?: readonly unknown[] | undefined
  /** Ends the text where the assistant's answer begins. Default true. */
  readonly addGenerationPrompt?: boolean
  /** More variables for the template, such as enable_thinking. */
  readonly variables?: Readonly<Record<string, unknown>>
}

export interface TemplateLimits {
  /** Wall time of one rendering, in ms. */
  readonly timeoutMs: number
  /** UTF-16 code units of all strings in the input, and of the rendered text. */
  readonly maxInputChars: number
  readonly maxOutputChars: number
  /** Heap of the rendering thread. */
  readonly maxHeapMib: number
}

export const defaultTemplateLimits: TemplateLimits = {
  timeoutMs: 2000, maxInputChars: 8 * 2 ** 20, maxOutputChars: 16 * 2 ** 20, maxHeapMib: 512
}

/** Names that the template gets from us or from the template engine. */
const reservedNames = new Set(['messages', 'tools', 'documents', 'add_generation_prompt', 'raise_to_caller',
  ...Object.keys(stripFunctions), 'raise_exception', 'strftime_now', 'range', 'true', 'false', 'none', 'True', 'False', 'None'])

/**
 * A model's chat template. Renders one conversation at a time on a thread that starts with the first
 * one; a rendering that exceeds a limit ends with an error, and the thread with it if need be.
 */
export class ChatTemplate {
  readonly #sources: TemplateSources
  readonly #tokens: SpecialTokenNames
  readonly #guard: MessageGuard
  readonly #limits: TemplateLimits
  readonly #thread: JobThread<TemplateJob, TemplateReply>

  constructor (
    sources: TemplateSources, tokens: SpecialTokenNames, specials: SpecialTokens,
    limits: TemplateLimits = defaultTemplateLimits
  ) {
    this.#sources = sources
    this.#tokens = tokens
    this.#guard = new MessageGuard(specials, limits.maxInputChars)
    this.#limits = limits
    const workerData: TemplateWorkerData = { templates: sources, maxOutputChars: limits.maxOutputChars }
    this.#thread = new JobThread({
      module: new URL('./template-worker.js', import.meta.url), workerData, ...limits, toError: failure => failureOf(failure, limits)
    })
  }

  /** The template's text that would render such a request. */
  source (hasTools = false): string {
    return this.#sources[templateFor(this.#sources, hasTools)]!
  }

  /**
   * @returns text for `Tokenizer.encodeRendered`
   * @throws ChatTemplateError with the template's own message when it refuses the conversation
   * @throws InvalidParameterError for template variables that are not the caller's to set
   * @throws OverloadedError, and the signal's reason when that drops a rendering that has not begun
   */
  async render (input: ChatInput, signal?: AbortSignal): Promise<GuardedText> {
    const taken = Object.keys(input.variables ?? {}).find(name => reservedNames.has(name) || Object.hasOwn(this.#tokens, name))
    if (taken !== undefined) {
      throw new InvalidParameterError('chat_template_kwargs', `The template variable ${taken} cannot be set; leave it out.`)
    }
    const hasTools = input.tools !== undefined && input.tools.length > 0
    const { values, guard } = this.#guard.guard({
      messages: input.messages, tools: hasTools ? input.tools : null, variables: input.variables ?? {}
    })
    const reply = await this.#thread.run({
      template: templateFor(this.#sources, hasTools),
      variables: {
        ...values.variables,
        ...this.#tokens,
        messages: values.messages,
        tools: values.tools,
        documents: null,
        add_generation_prompt: input.addGenerationPrompt ?? true
      }
    }, signal)
    const text = textOf(reply, this.#limits)
    return { text: guard === undefined ? text : text.replaceAll(jsonEscape(guard), guard), guard }
  }

  /** Ends the thread; a later rendering starts a new one. */
  async close (): Promise<void> {
    await this.#thread.close()
  }
}

function textOf (reply: TemplateReply, limits: TemplateLimits): string {
  switch (reply.kind) {
    case 'text': return reply.text
    case 'raised': throw new ChatTemplateError(reply.message)
    case 'failed': throw new ChatTemplateError(`The chat template failed: ${reply.message}`)
    case 'tooLong':
      throw new ChatTemplateError(`The chat template wrote ${reply.chars} characters; at most ${limits.maxOutputChars} are taken.`)
  }
}

function failureOf (failure: JobFailure, limits: TemplateLimits): Error {
  return failure.kind === 'full'
    ? new OverloadedError('queuedRequests', `${failure.waiting} conversations wait for the chat template, and no more may.`, failure.waitMs)
    : new ChatTemplateError(failureText(failure, limits))
}

function failureText (failure: Exclude<JobFailure, { kind: 'full' }>, { timeoutMs, maxHeapMib }: TemplateLimits): string {
  switch (failure.kind) {
    case 'tooSlow': return `The chat template took longer than ${timeoutMs} ms. Send fewer or shorter messages.`
    case 'tooLarge': return `The chat template needed more than ${maxHeapMib} MiB of memory. Send fewer or shorter messages.`
    case 'closed': return 'The chat template\'s thread was closed while it rendered.'
    case 'refused': return `Messages, tools and template variables must be plain JSON values: ${failure.message}`
    default: return `The chat template's thread failed: ${failure.message}`
  }
}
