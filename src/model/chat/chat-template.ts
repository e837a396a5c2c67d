import { Worker, type WorkerOptions } from 'node:worker_threads'
import { InvalidParameterError } from '../../core/errors.js'
import { ChatTemplateError } from '../errors.js'
import { jsonEscape } from '../tokenizer/special-tokens.js'
import type { GuardedText, SpecialTokens } from '../tokenizer/tokenizer.js'
import { MessageGuard } from './guard-messages.js'
import { stripFunctions } from './strip-arguments.js'
import type { TemplateJob, TemplateReply, TemplateWorkerData } from './template-job.js'
import { templateFor, type TemplateSources } from './template-source.js'

type RenderReply = Exclude<TemplateReply, { kind: 'ready' }>

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
  #worker: Worker | undefined
  readonly #ready = new WeakSet<Worker>()
  #last: Promise<unknown> = Promise.resolve()

  constructor (
    sources: TemplateSources, tokens: SpecialTokenNames, specials: SpecialTokens,
    limits: TemplateLimits = defaultTemplateLimits
  ) {
    this.#sources = sources
    this.#tokens = tokens
    this.#guard = new MessageGuard(specials, limits.maxInputChars)
    this.#limits = limits
  }

  /** The template's text that would render such a request. */
  source (hasTools = false): string {
    return this.#sources[templateFor(this.#sources, hasTools)]!
  }

  /**
   * @returns text for `Tokenizer.encodeRendered`
   * @throws ChatTemplateError with the template's own message when it refuses the conversation
   * @throws InvalidParameterError for template variables that are not the caller's to set
   */
  async render (input: ChatInput): Promise<GuardedText> {
    const taken = Object.keys(input.variables ?? {}).find(name => reservedNames.has(name) || Object.hasOwn(this.#tokens, name))
    if (taken !== undefined) {
      throw new InvalidParameterError('chat_template_kwargs', `The template variable ${taken} cannot be set; leave it out.`)
    }
    const hasTools = input.tools !== undefined && input.tools.length > 0
    const { values, guard } = this.#guard.guard({
      messages: input.messages, tools: hasTools ? input.tools : null, variables: input.variables ?? {}
    })
    const text = await this.#enqueue({
      template: templateFor(this.#sources, hasTools),
      variables: {
        ...values.variables,
        ...this.#tokens,
        messages: values.messages,
        tools: values.tools,
        documents: null,
        add_generation_prompt: input.addGenerationPrompt ?? true
      }
    })
    return { text: guard === undefined ? text : text.replaceAll(jsonEscape(guard), guard), guard }
  }

  /** Ends the thread; a later rendering starts a new one. */
  async close (): Promise<void> {
    const worker = this.#worker
    this.#worker = undefined
    await worker?.terminate()
  }

  async #enqueue (job: TemplateJob): Promise<string> {
    const turn = this.#last.then(async () => await this.#run(job))
    this.#last = turn.catch(() => undefined)
    return textOf(await turn, this.#limits)
  }

  async #run (job: TemplateJob): Promise<RenderReply> {
    const worker = this.#worker ??= startWorker(this.#sources, this.#limits)
    const { promise, resolve, reject } = promiseParts<RenderReply>()
    let timer: NodeJS.Timeout | undefined
    const fail = (message: string): void => {
      if (this.#worker === worker) this.#worker = undefined
      void worker.terminate()
      reject(new ChatTemplateError(message))
    }
    // The time to load the thread is not the template's; its first message says that it has loaded.
    const start = (): void => {
      timer = setTimeout(() => {
        fail(`The chat template took longer than ${this.#limits.timeoutMs} ms. Send fewer or shorter messages.`)
      }, this.#limits.timeoutMs)
      try {
        worker.postMessage(job)
      } catch (error) {
        reject(new ChatTemplateError(`Messages, tools and template variables must be plain JSON values: ${(error as Error).message}`))
      }
    }
    const onMessage = (reply: TemplateReply): void => {
      if (reply.kind !== 'ready') {
        resolve(reply)
        return
      }
      this.#ready.add(worker)
      start()
    }
    const onError = (error: Error): void => { fail(workerFailure(error, this.#limits)) }
    const onExit = (): void => { fail('The chat template\'s thread was closed while it rendered.') }
    worker.on('message', onMessage)
    worker.once('error', onError)
    worker.once('exit', onExit)
    worker.ref()
    try {
      if (this.#ready.has(worker)) start()
      return await promise
    } finally {
      clearTimeout(timer)
      worker.off('message', onMessage)
      worker.off('error', onError)
      worker.off('exit', onExit)
      worker.unref()
    }
  }
}

function startWorker (templates: TemplateSources, limits: TemplateLimits): Worker {
  const workerData: TemplateWorkerData = { templates, maxOutputChars: limits.maxOutputChars }
  const options: WorkerOptions = { workerData, execArgv: [], resourceLimits: { maxOldGenerationSizeMb: limits.maxHeapMib } }
  const worker = import.meta.url.endsWith('.ts')
    ? new Worker(typeScriptBootstrap, { ...options, eval: true })
    : new Worker(new URL('./template-worker.js', import.meta.url), options)
  // Between renderings nobody else listens, and an error without a listener would end the process.
  worker.on('error', () => {})
  return worker
}

/** Run from sources, as tests do, a thread needs tsx's hooks before it can import TypeScript. */
const typeScriptBootstrap = `import('tsx/esm/api').then(tsx => {
  tsx.register()
  return import(${JSON.stringify(new URL('./template-worker.ts', import.meta.url).href)})
})`

function textOf (reply: RenderReply, limits: TemplateLimits): string {
  switch (reply.kind) {
    case 'text': return reply.text
    case 'raised': throw new ChatTemplateError(reply.message)
    case 'failed': throw new ChatTemplateError(`The chat template failed: ${reply.message}`)
    case 'tooLong':
      throw new ChatTemplateError(`The chat template wrote ${reply.chars} characters; at most ${limits.maxOutputChars} are taken.`)
  }
}

function workerFailure (error: Error, limits: TemplateLimits): string {
  return (error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY'
    ? `The chat template needed more than ${limits.maxHeapMib} MiB of memory. Send fewer or shorter messages.`
    : `The chat template's thread failed: ${error.message}`
}

function promiseParts<T> (): { promise: Promise<T>, resolve: (value: T) => void, reject: (error: Error) => void } {
  let resolve!: (value: T) => void
  let reject!: (error: Error) => void
  const promise = new Promise<T>((_resolve, _reject) => { resolve = _resolve; reject = _reject })
  return { promise, resolve, reject }
}
