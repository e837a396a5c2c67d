import { randomBytes, randomUUID } from 'node:crypto'
import { BadLogitsError, DeviceLostError, EngineClosedError, StepFailedError } from '../core/errors.js'
import { resolveSamplingParams } from '../core/resolve-sampling-params.js'
import type { Constraint } from '../grammar/constraint.js'
import { Grammars } from '../grammar/grammars.js'
import type { ToolFormat } from '../model/chat/tool-calls/tool-format.js'
import { StepTime, type StepOutput } from '../native/binding.js'
import type { LengthPrediction } from '../profiler/length-predictor.js'
import type { LengthRequest } from '../profiler/text-features.js'
import { RowOutcome } from '../scheduler/plan.js'
import { checkPolicy, createPolicy } from '../scheduler/policies/index.js'
import type { Policy } from '../scheduler/policy.js'
import { Scheduler } from '../scheduler/scheduler.js'
import { stepTimeBudget } from '../scheduler/token-budget.js'
import type { ChatOptions, CompleteOptions, EmbedOptions, EmbedResult, Generation, GenerationResult, RequestOptions, Tool } from './api.js'
import { grammarOf } from './answer-form.js'
import { ChatPrompt, openChat, toolFormatOf } from './chat-prompt.js'
import { checkKeptLogprobs, checkMessages, checkPromptIds, checkRequest, checkTextLength, completeOptionNames } from './check-request.js'
import { checkEmbed, embedAll, embedRequestOptions, takeHidden } from './embedding.js'
import type { CloseOptions, EngineInfo, EngineMetrics, EngineStats } from './engine-info.js'
import type { EngineParts } from './engine-model.js'
import { EngineRequest } from './engine-request.js'
import { type EngineSequence, slotParams } from './engine-sequence.js'
import { loadParts, type LoadHooks } from './load.js'
import { Measurements } from './measurements.js'
import type { PartialEngineOptions } from './options.js'
import { PrefixKeys } from './prefix-keys.js'
import { deliverRow, type DeliveryActions } from './row-delivery.js'
import { RowTurns } from './row-turns.js'
import { chatText, Profiling, type RequestText } from './profiling.js'
import { choicesOf, estimatedMessageTokens, estimatedPromptTokens, estimatedTokens, QueueBound, type QueueEntry } from './queue-bound.js'
import { RegisteredTools } from './registered-tools.js'
import { grammarTokens, MaskSetter } from './sequence-constraint.js'
import { SequenceMaker } from './sequence-maker.js'
import { sessionKey } from './session-key.js'
import { refuseInVain, refuseMissedSlo } from './slo.js'
import { SlotPool } from './slot-pool.js'
import { StepLoop, type EnginePlan } from './step-loop.js'
import { LogprobReader } from './token-logprobs.js'
import { ToolRounds } from './tool-rounds.js'
import { ToolWaits } from './tool-waits.js'

/** Text to be computed. */
interface Work {
  /** Of its prompt, before it is tokenised. */
  readonly estimatedTokens: number
  readonly encode: (request: EngineRequest) => Promise<Int32Array>
  /** Of a request whose text has been encoded. */
  readonly text: () => RequestText
  /** The prompt's hidden state, and no answer. */
  readonly wantsHidden?: boolean
}

/** One model that answers requests, as many at once as fit. */
export class Engine {
  readonly info: EngineInfo
  readonly #parts: EngineParts
  readonly #scheduler: Scheduler<EngineSequence>
  readonly #slots: SlotPool
  readonly #keys: PrefixKeys
  readonly #loop: StepLoop
  readonly #turns = new RowTurns({ now, onDone: () => { this.#loop.handedOut() }, onBroken: error => { this.#break(error) } })
  readonly #queueBound: QueueBound
  readonly #logprobs: LogprobReader
  readonly #toolWaits: ToolWaits
  readonly #toolFormat: ToolFormat | undefined
  readonly #tools = new RegisteredTools()
  readonly #grammars: Grammars
  readonly #masks: MaskSetter
  readonly #toolRounds: ToolRounds
  readonly #sequences: SequenceMaker
  readonly #profiling: Profiling
  readonly #measured: Measurements
  readonly #requests = new Set<EngineRequest>()
  readonly #rowActions: DeliveryActions = {
    token: (sequence, nowMs) => { if (sequence.request.options.isProbe !== true) this.#measured.token(sequence, nowMs) },
    stop: sequence => { if (!this.#scheduler.abort(sequence.id, now(), 'stop')) sequence.finishReason = 'stop' },
    fail: (sequence, error) => { this.#fail(sequence.request, error) }
  }

  #promptTokens = 0
  #isClosed = false
  #closing: Promise<void> | undefined
  #onDrained: (() => void) | undefined

  /**
   * Loads a model by folder, GGUF file or repository name.
   *
   * @throws MillraceError that says what is wrong with the model, the options or the machine
   */
  static async load (model: string, options: PartialEngineOptions = {}, hooks: LoadHooks = {}): Promise<Engine> {
    return new Engine(await loadParts(model, options, hooks))
  }

  /** For those who load a model's parts themselves, as tests do. */
  constructor (parts: EngineParts) {
    const { model, options, tokenizer, spec } = parts
    this.#parts = parts
    this.#toolFormat = toolFormatOf(parts)
    this.info = Object.freeze({
      modelName: options.servedModelName,
      path: parts.path,
      spec: parts.spec,
      options,
      memory: model.memory,
      exchange: model.exchange,
      fingerprint: model.fingerprint,
      hasChatTemplate: parts.chatTemplate !== undefined,
      toolFormat: this.#toolFormat?.name
    })
    this.#keys = new PrefixKeys(parts.hashing, options.blockTokens,
      ['kv1', model.fingerprint, options.quantize, String(options.quantizeGroup), options.kvDtype, String(options.blockTokens), JSON.stringify(options.deviceMap), ''])
    this.#slots = new SlotPool(model)
    this.#grammars = new Grammars(grammarTokens(parts))
    this.#masks = new MaskSetter(model, parts.spec.vocabSize)
    this.#profiling = parts.profiling ?? new Profiling()
    this.#measured = new Measurements(options.maxModelLen)
    this.#toolWaits = new ToolWaits(this.#profiling.tools)
    this.#sequences = new SequenceMaker({
      parts,
      keys: this.#keys,
      engineSeed: options.seed === undefined ? randomBytes(8).readBigUInt64LE() : BigInt(options.seed),
      expectedWait: this.#toolWaits.expectedWait
    })
    this.#toolRounds = new ToolRounds({
      now,
      expectReturn: (sequence, expectedWait) => { this.#scheduler.expectReturn(sequence.id, expectedWait, now()) },
      returned: (tool, durationMs) => { this.#toolReturned(tool, durationMs) },
      goOn: (sequence, promptIds) => { this.#goOn(sequence, promptIds) },
      fail: (request, error) => { this.#fail(request, error) }
    }, this.#toolWaits)
    this.#scheduler = new Scheduler({
      pool: this.#slots,
      maxNumSeqs: options.maxNumSeqs,
      maxBatchTokens: options.maxBatchTokens,
      maxSequenceTokens: options.maxModelLen,
      extendKeys: sequence => { this.#keys.extend(sequence) },
      stepCosts: () => this.#profiling.stepCosts,
      policy: usablePolicy(options.policy),
      reserveRatio: options.reserveRatio,
      ...options.pacing === 'qoe' ? { pacing: { maxResidentSeqs: options.maxResidentSeqs, readingTokensPerSec: options.readingTokensPerSec } } : {},
      speculates: options.speculativeDecoding !== 'none',
      // A copy within this machine's memory.
      swap: { tokenMs: options.kvCacheMemory / (options.kvBlocks * options.blockTokens) / swapBytesPerMs, hiddenRatio: 0 },
      onReturn: (_, waitedMs, tool) => { if (tool !== undefined) this.#toolReturned(tool, waitedMs) },
      budget: parts.budget ?? stepTimeBudget(options.maxStepMs === undefined ? {} : { targetMs: options.maxStepMs })
    })
    this.#queueBound = new QueueBound({
      maxQueuedRequests: options.maxQueuedRequests,
      maxQueuedTokens: options.maxQueuedTokens,
      backlog: () => this.#scheduler.backlog(),
      waitMs: () => this.#scheduler.forecastLast(now()).waitMs
    })
    this.#logprobs = new LogprobReader(tokenizer, model.maxLogprobs)
    this.#loop = new StepLoop({
      model,
      scheduler: this.#scheduler,
      now,
      beforeStep: plan => {
        this.#openSlots(plan)
        this.#masks.beforeStep(plan)
      },
      afterCommit: plan => { this.#masks.afterCommit(plan) },
      onDone: plan => { takeHidden(plan, spec.hiddenSize, () => model.hiddenStates()) },
      onCommit: (plan, output, nowMs) => this.#deliver(plan, output, nowMs),
      onFailure: (plan, error) => { this.#failPlan(plan, error) },
      onBroken: error => { this.#break(error) }
    })
  }

  get modelName (): string {
    return this.info.modelName
  }

  /** Answers messages through the model's chat template. Errors come through the generation. */
  chat (options: ChatOptions): Generation {
    const encode = async (request: EngineRequest): Promise<Int32Array> =>
      await openChat(request, options, this.#parts, this.#tools, this.#toolFormat)
    return this.#start(options, { estimatedTokens: estimatedMessageTokens(options.messages), encode, text: () => chatText(options.messages) }).generation
  }

  /**
   * Makes a tool known that requests may offer the model by its name (`tools`), and that runs here when the
   * model calls it. Returns the function that takes it away again.
   *
   * @throws InvalidParameterError for a tool that is not whole, or a name that is taken
   */
  registerTool<Args = Record<string, unknown>> (tool: Tool<Args>): () => void {
    return this.#tools.register(tool as Tool)
  }

  /** Continues a text, or token ids. Errors come through the generation. */
  complete (options: CompleteOptions): Generation {
    const { prompt } = options
    const encode = async (): Promise<Int32Array> => {
      checkRequest(options, completeOptionNames)
      return await this.#encodePrompt(prompt, options.parseSpecialTokens)
    }
    return this.#start(options, { estimatedTokens: estimatedPromptTokens(prompt), encode, text: promptText(prompt) }).generation
  }

  /**
   * Vectors of length 1 for texts or lists of token ids, all or none: the hidden state that the model has after the
   * last token, as models made for embeddings mean it.
   *
   * @throws MillraceError, and the signal's reason when that ends it
   */
  async embed (options: EmbedOptions): Promise<EmbedResult> {
    const { vocabSize, hiddenSize } = this.#parts.spec
    const inputs = checkEmbed(options, vocabSize, hiddenSize)
    options.signal?.throwIfAborted()
    const startMs = now()
    return await embedAll(inputs, options, this.info.options.maxNumSeqs, input => this.#start(embedRequestOptions(options, now() - startMs), {
      estimatedTokens: estimatedPromptTokens(input), encode: async () => await this.#encodePrompt(input), text: promptText(input), wantsHidden: true
    }))
  }

  /**
   * Makes a constraint ready, so that requests with it begin at once; some are kept. Requests do it themselves.
   *
   * @throws InvalidParameterError that names the place within the constraint, such as `constraint.schema.properties.a`
   */
  async prepareConstraint (constraint: Constraint): Promise<void> {
    await this.#grammars.grammar(constraint)
  }

  /** Token ids of a text that stands alone, with what the model expects around it, such as BOS. */
  async tokenize (text: string, parseSpecialTokens = false): Promise<Int32Array> {
    const { tokenizer } = this.#parts
    const ids = parseSpecialTokens ? await tokenizer.encodeWithSpecials(text) : await tokenizer.encode(text)
    return Int32Array.from([...tokenizer.prefixIds, ...ids, ...tokenizer.suffixIds])
  }

  /** Token ids of a conversation as its answer would get them. */
  async tokenizeChat ({ messages, tools, templateVariables }: Pick<ChatOptions, 'messages' | 'tools' | 'templateVariables'>): Promise<Int32Array> {
    checkMessages(messages)
    const { definitions } = this.#tools.offer(tools)
    return await new ChatPrompt(this.#parts, { messages, templateVariables }, definitions).encode()
  }

  detokenize (ids: ArrayLike<number>): string {
    return this.#parts.tokenizer.decode(ids)
  }

  /**
   * For whoever wants to know before a request is put together, such as a server before it reads a body.
   *
   * @throws OverloadedError when the queue has no room for a prompt of so many characters
   */
  checkQueue (characters: number): void {
    try {
      this.#queueBound.check(1, estimatedTokens(characters))
    } catch (error) {
      this.#measured.failedUnqueued(error)
      throw error
    }
  }

  stats (): EngineStats {
    const { waiting, running, preemptions, swaps, parked } = this.#scheduler.stats()
    return {
      requests: this.#requests.size,
      waitingSequences: waiting,
      runningSequences: running,
      preemptions,
      swaps,
      toolWaits: this.#toolRounds.size,
      parkedSequences: parked,
      promptTokens: this.#promptTokens,
      generatedTokens: this.#measured.generatedTokens,
      kv: this.#parts.model.kv.stats(),
      steps: { ...this.#loop.counters },
      profiler: this.#profiling.stats()
    }
  }

  /** All that is measured, for a metrics page: live objects, to be read at once. */
  metrics (): EngineMetrics {
    return { stats: this.stats(), scheduler: this.#scheduler.stats(), tools: this.#profiling.tools.size, measured: this.#measured, constraints: { ...this.#grammars.counts, ...this.#masks.counts }, externalLengths: this.#parts.externalLengths?.counts, options: this.info.options }
  }

  /** Forgets cached prefixes that no request uses. */
  clearPrefixCache (): void {
    this.#parts.model.kv.clearCache()
  }

  /** Refuses new requests, ends the running ones and frees the model. Idempotent. */
  async close (options: CloseOptions = {}): Promise<void> {
    this.#closing ??= this.#close()
    if (options.drain !== true) this.#abortAll()
    await this.#closing
  }

  async #close (): Promise<void> {
    this.#isClosed = true
    if (this.#requests.size > 0) await new Promise<void>(resolve => { this.#onDrained = resolve })
    await this.#loop.settled()
    await this.#parts.profilerFile?.save(this.#profiling)
    await this.#parts.model.dispose()
    await this.#parts.chatTemplate?.close()
    await this.#grammars.close()
  }

  #start (options: RequestOptions, work: Work): EngineRequest {
    // Something else in its place is refused later, where every error goes through the generation.
    const signal = options.signal instanceof AbortSignal ? options.signal : undefined
    const request = new EngineRequest(options.requestId ?? randomUUID(), options, now(), signal, {
      onAbort: aborted => { this.#abort(aborted) },
      onCalls: sequence => { this.#toolRounds.answered(sequence) },
      onEnd: (ended, result) => { this.#forget(ended, result) }
    })
    request.wantsHidden = work.wantsHidden === true
    this.#requests.add(request)
    if (this.#isClosed) request.fail(new EngineClosedError())
    else if (signal?.aborted === true) this.#abort(request)
    else void this.#submit(request, work)
    return request
  }

  async #encodePrompt (prompt: string | readonly number[], parseSpecialTokens?: boolean): Promise<Int32Array> {
    if (typeof prompt !== 'string') return checkPromptIds(prompt, this.#parts.spec.vocabSize)
    checkTextLength(prompt, this.info.options.maxModelLen)
    return await this.tokenize(prompt, parseSpecialTokens)
  }

  async #submit (request: EngineRequest, work: Work): Promise<void> {
    let entry: QueueEntry | undefined
    try {
      entry = this.#queueBound.enter(choicesOf(request.options), work.estimatedTokens)
      const { spec, generation } = this.#parts
      const { maxLogprobs } = this.info.options
      request.params = resolveSamplingParams(request.options, { vocabSize: spec.vocabSize, maxLogprobs }, generation)
      request.promptIds = checkPromptIds(await work.encode(request), spec.vocabSize)
      if (request.isEnded) return
      entry.tokenised(request.promptIds.length)
      // Before a grammar is compiled for it.
      this.#scheduler.checkPrompt(request.promptIds.length, request.params.maxTokens ?? Infinity)
      checkKeptLogprobs(request.params, this.info.options.maxModelLen - request.promptIds.length)
      request.constraint ??= request.options.constraint
      if (request.constraint !== undefined) request.grammar = await grammarOf(request.constraint, request, this.#grammars)
      if (request.isEnded) return
      await this.#predictFirst(request, work.text())
      if (request.isEnded) return
      this.#enqueue(request)
      this.#promptTokens += request.promptIds.length
      request.generation.markAccepted()
      this.#loop.wake()
    } catch (error) {
      if (request.isEnded) return
      this.#measured.failedUnqueued(error)
      for (const sequence of request.sequences) this.#scheduler.abort(sequence.id, now(), 'error')
      request.fail(error as Error)
    } finally {
      entry?.leave()
    }
  }

  /** Before it is queued; somebody else who is asked takes its time. */
  async #predictFirst (request: EngineRequest, text: RequestText): Promise<void> {
    const { cacheSalt, sessionId } = request.options
    if (sessionId !== undefined) request.session = sessionKey(cacheSalt, sessionId)
    const { known, prediction } = this.#predict(request, text, request.promptIds)
    request.prediction = prediction
    const { externalLengths } = this.#parts
    if (externalLengths !== undefined) request.prediction = await externalLengths.predict(known, prediction)
  }

  /** How long an answer to this will be. */
  #predict ({ params, session, options: { isProbe } }: EngineRequest, text: RequestText, promptIds: Int32Array): { known: LengthRequest, prediction: LengthPrediction } {
    const startMs = now()
    const { maxTokens } = params!
    const previousTokens = this.#profiling.previousTokens(session)
    const known = {
      ...text,
      promptTokens: promptIds.length,
      ...maxTokens === undefined ? {} : { maxTokens },
      ...previousTokens === undefined ? {} : { previousTokens }
    }
    const prediction = this.#profiling.predict(known)
    if (isProbe !== true) this.#measured.predictionSec.observe((now() - startMs) / 1000)
    return { known, prediction }
  }

  #enqueue (request: EngineRequest): void {
    const { options: { slo = {}, giveUpMs }, promptIds, params } = request
    if (params!.promptLogprobs) request.promptLogprobs = Array.from(promptIds, () => null)
    const sequences = this.#sequences.first(request)
    request.forecast = this.#scheduler.forecast(sequences[0]!, now())
    if (this.info.options.refuseMissedSlo) refuseMissedSlo(slo, request.forecast)
    if (giveUpMs !== undefined) refuseInVain(request.arrivalMs + giveUpMs - now(), request.forecast)
    for (const sequence of sequences) this.#scheduler.add(sequence)
    request.sequences = sequences
  }

  #toolReturned (tool: string, durationMs: number): void {
    this.#profiling.tools.observe(tool, durationMs)
    this.#measured.toolSec.observe(durationMs / 1000)
  }

  /** The next round of a choice whose tools have run. */
  #goOn (previous: EngineSequence, encoded: Int32Array): void {
    const { request, chat } = previous
    const promptIds = checkPromptIds(encoded, this.#parts.spec.vocabSize)
    const { prediction } = this.#predict(request, chatText([...(request.options as ChatOptions).messages, ...chat!.added]), promptIds)
    const next = this.#sequences.next(previous, promptIds, prediction, now())
    this.#scheduler.add(next)
    request.goOn(previous, next)
    this.#promptTokens += promptIds.length
    this.#loop.wake()
  }

  #openSlots (plan: EnginePlan): void {
    for (const sequence of plan.sequences) {
      if (this.#slots.isSampling(sequence.slot!)) continue
      this.#slots.startSampling(sequence.slot!, slotParams(sequence.parts.params, sequence.seed, sequence.maxTokens, this.#parts.eosIds), sequence.promptIds)
    }
  }

  /** True when a part of it is left for later. */
  #deliver (plan: EnginePlan, output: StepOutput, nowMs: number): boolean {
    this.#profiling.stepEnded(plan, output)
    this.#measured.step(plan.numTokens, output.timing[StepTime.end]! - output.timing[StepTime.start]!)
    this.#turns.start(plan.numRows, nowMs, row => { deliverRow(plan, row, output, nowMs, this.#logprobs, this.#rowActions) })
    return this.#turns.isBusy
  }

  #failPlan (plan: EnginePlan, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error)
    if ((error as { code?: unknown } | undefined)?.code === 'ERR_DEVICE_LOST') {
      this.#closeFailed(new DeviceLostError(message, error))
      return
    }
    const failure = new StepFailedError(`The model's step failed, and the requests in it with it: ${message}`, error)
    for (const [row, sequence] of plan.sequences.entries()) {
      if (plan.outcomes[row] === RowOutcome.failed) this.#fail(sequence.request, failure)
    }
  }

  #fail (request: EngineRequest, error: Error): void {
    if (error instanceof BadLogitsError) this.#measured.corrupted++
    for (const sequence of request.sequences) this.#scheduler.abort(sequence.id, now(), 'error')
    request.fail(error)
  }

  #abort (request: EngineRequest): void {
    // What it has already got is a part of its answer.
    this.#turns.flush()
    const nowMs = now()
    const open = request.sequences.filter(sequence => sequence.state !== 'ended')
    for (const sequence of open) this.#scheduler.abort(sequence.id, nowMs)
    for (const sequence of open) {
      sequence.output.end()
      request.deliver(sequence)
    }
    this.#toolRounds.abort(request)
    if (request.sequences.length === 0) request.endUnqueued('abort', nowMs, request.params?.n ?? 1)
    // Blocks are free: others may be waiting for them.
    this.#loop.wake()
  }

  #abortAll (): void {
    for (const request of [...this.#requests]) request.generation.abort()
  }

  #forget (request: EngineRequest, result: GenerationResult | undefined): void {
    this.#requests.delete(request)
    this.#toolRounds.forget(request)
    for (const sequence of request.sequences) {
      if (sequence.parksOnStop !== undefined) this.#toolWaits.ended(sequence, this.#scheduler, now())
    }
    if (request.options.isProbe !== true) {
      this.#profiling.requestEnded(request)
      this.#measured.requestEnded(request, result)
    }
    this.#parts.profilerFile?.saveSometimes(this.#profiling, now())
    if (this.#requests.size === 0) this.#onDrained?.()
  }

  /** A defect of ours: better no answers than wrong ones. */
  #break (error: unknown): void {
    const message = error instanceof Error ? error.message : String(error)
    this.#closeFailed(new StepFailedError(`The engine failed and is closed: ${message}`, error))
  }

  #closeFailed (error: Error): void {
    this.#isClosed = true
    for (const request of [...this.#requests]) request.fail(error)
    this.close().catch(() => {})
  }
}

function promptText (prompt: string | readonly number[]): () => RequestText {
  return () => ({ text: typeof prompt === 'string' ? prompt : '', systemPrompt: '' })
}

function usablePolicy (name: string): Policy {
  const policy = createPolicy(name)
  checkPolicy(policy)
  return policy
}

/** Measured on two cores; the first use of the host tier is slower. */
const swapBytesPerMs = 10e6

const now = (): number => performance.now()
