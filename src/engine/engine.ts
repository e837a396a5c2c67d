import { randomBytes, randomUUID } from 'node:crypto'
import { BadLogitsError, EngineClosedError, SloUnreachableError, StepFailedError } from '../core/errors.js'
import { deriveSeed } from '../core/seed.js'
import { resolveSamplingParams } from '../core/resolve-sampling-params.js'
import { NoChatTemplateError } from '../model/errors.js'
import { StepTime, type StepOutput } from '../native/binding.js'
import { RowOutcome } from '../scheduler/plan.js'
import { checkPolicy, createPolicy } from '../scheduler/policies/index.js'
import type { Policy } from '../scheduler/policy.js'
import { Scheduler } from '../scheduler/scheduler.js'
import { stepTimeBudget } from '../scheduler/token-budget.js'
import type { ChatOptions, CompleteOptions, Generation, GenerationResult, RequestOptions } from './api.js'
import { ChoiceOutput } from './choice-output.js'
import { chatOptionNames, checkMessages, checkPromptIds, checkRequest, checkTextLength, completeOptionNames } from './check-request.js'
import type { CloseOptions, EngineInfo, EngineMetrics, EngineStats } from './engine-info.js'
import type { EngineParts } from './engine-model.js'
import { EngineRequest } from './engine-request.js'
import { EngineSequence, slotParams } from './engine-sequence.js'
import { loadParts, type LoadHooks } from './load.js'
import { Measurements } from './measurements.js'
import type { PartialEngineOptions } from './options.js'
import { PrefixKeys } from './prefix-keys.js'
import { deliverRow, type DeliveryActions } from './row-delivery.js'
import { chatText, Profiling, type RequestText } from './profiling.js'
import { sessionKey } from './session-key.js'
import { refuseMissedSlo } from './slo.js'
import { SlotPool } from './slot-pool.js'
import { StepLoop, type EnginePlan } from './step-loop.js'
import { LogprobReader } from './token-logprobs.js'
import { toolNames, ToolWaits } from './tool-waits.js'

/** Text to be computed, and how its answer continues it. */
interface Work {
  readonly encode: () => Promise<Int32Array>
  /** Of a request whose text has been encoded. */
  readonly text: () => RequestText
  /** The answer goes on where the prompt's text ends. */
  readonly continues: boolean
}

/** One model that answers requests, as many at once as fit. */
export class Engine {
  readonly info: EngineInfo
  readonly #parts: EngineParts
  readonly #scheduler: Scheduler<EngineSequence>
  readonly #slots: SlotPool
  readonly #keys: PrefixKeys
  readonly #loop: StepLoop
  readonly #logprobs: LogprobReader
  readonly #toolWaits: ToolWaits
  readonly #profiling: Profiling
  readonly #measured: Measurements
  readonly #requests = new Set<EngineRequest>()
  readonly #rowActions: DeliveryActions = {
    token: (sequence, nowMs) => { this.#measured.token(sequence, nowMs) },
    stop: sequence => { if (!this.#scheduler.abort(sequence.id, now(), 'stop')) sequence.finishReason = 'stop' },
    fail: (sequence, error) => { this.#fail(sequence.request, error) }
  }

  readonly #engineSeed: bigint
  #numRequests = 0
  #numSequences = 0
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
    const { model, options, tokenizer } = parts
    this.#parts = parts
    this.info = Object.freeze({
      modelName: options.servedModelName,
      path: parts.path,
      spec: parts.spec,
      options,
      memory: model.memory,
      fingerprint: model.fingerprint,
      hasChatTemplate: parts.chatTemplate !== undefined
    })
    this.#engineSeed = options.seed === undefined ? randomBytes(8).readBigUInt64LE() : BigInt(options.seed)
    this.#keys = new PrefixKeys(parts.hashing, options.blockTokens,
      ['kv1', model.fingerprint, options.quantize, String(options.quantizeGroup), options.kvDtype, String(options.blockTokens), JSON.stringify(options.deviceMap), ''])
    this.#slots = new SlotPool(model)
    this.#profiling = parts.profiling ?? new Profiling()
    this.#measured = new Measurements(options.maxModelLen)
    this.#toolWaits = new ToolWaits(this.#profiling.tools)
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
      // A copy within this machine's memory.
      swap: { tokenMs: options.kvCacheMemory / (options.kvBlocks * options.blockTokens) / swapBytesPerMs, hiddenRatio: 0 },
      onReturn: (_, waitedMs, tool) => {
        this.#toolWaits.returned(tool, waitedMs)
        this.#measured.toolSec.observe(waitedMs / 1000)
      },
      budget: parts.budget ?? stepTimeBudget(options.maxStepMs === undefined ? {} : { targetMs: options.maxStepMs })
    })
    this.#logprobs = new LogprobReader(tokenizer, model.maxLogprobs)
    this.#loop = new StepLoop({
      model,
      scheduler: this.#scheduler,
      now,
      beforeStep: plan => { this.#openSlots(plan) },
      onCommit: (plan, output, nowMs) => { this.#deliver(plan, output, nowMs) },
      onFailure: (plan, error) => { this.#failPlan(plan, error) },
      onBroken: error => { this.#break(error) }
    })
  }

  get modelName (): string {
    return this.info.modelName
  }

  /** Answers messages through the model's chat template. Errors come through the generation. */
  chat (options: ChatOptions): Generation {
    const { chatTemplate, tokenizer } = this.#parts
    const encode = async (): Promise<Int32Array> => {
      checkRequest(options, chatOptionNames)
      checkMessages(options.messages)
      if (chatTemplate === undefined) throw new NoChatTemplateError()
      const { messages, tools, templateVariables: variables = {} } = options
      const rendered = await chatTemplate.render({ messages, tools, variables })
      checkTextLength(rendered.text, this.info.options.maxModelLen)
      return await tokenizer.encodeRendered(rendered)
    }
    return this.#start(options, { encode, text: () => chatText(options.messages), continues: false })
  }

  /** Continues a text, or token ids. Errors come through the generation. */
  complete (options: CompleteOptions): Generation {
    const { prompt } = options
    const encode = async (): Promise<Int32Array> => {
      checkRequest(options, completeOptionNames)
      if (typeof prompt !== 'string') return checkPromptIds(prompt, this.#parts.spec.vocabSize)
      checkTextLength(prompt, this.info.options.maxModelLen)
      return await this.tokenize(prompt, options.parseSpecialTokens)
    }
    const text = (): RequestText => ({ text: typeof prompt === 'string' ? prompt : '', systemPrompt: '' })
    return this.#start(options, { encode, text, continues: true })
  }

  /** Token ids of a text that stands alone, with what the model expects around it, such as BOS. */
  async tokenize (text: string, parseSpecialTokens = false): Promise<Int32Array> {
    const { tokenizer } = this.#parts
    const ids = parseSpecialTokens ? await tokenizer.encodeWithSpecials(text) : await tokenizer.encode(text)
    return Int32Array.from([...tokenizer.prefixIds, ...ids, ...tokenizer.suffixIds])
  }

  detokenize (ids: ArrayLike<number>): string {
    return this.#parts.tokenizer.decode(ids)
  }

  stats (): EngineStats {
    const { waiting, running, preemptions, swaps, parked } = this.#scheduler.stats()
    return {
      requests: this.#requests.size,
      waitingSequences: waiting,
      runningSequences: running,
      preemptions,
      swaps,
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
    return { stats: this.stats(), scheduler: this.#scheduler.stats(), tools: this.#profiling.tools.size, measured: this.#measured, externalLengths: this.#parts.externalLengths?.counts, options: this.info.options }
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
  }

  #start (options: RequestOptions, work: Work): Generation {
    // Something else in its place is refused later, where every error goes through the generation.
    const signal = options.signal instanceof AbortSignal ? options.signal : undefined
    const request = new EngineRequest(options.requestId ?? randomUUID(), now(), signal, {
      onAbort: aborted => { this.#abort(aborted) },
      onEnd: (ended, result) => { this.#forget(ended, result) }
    })
    this.#requests.add(request)
    if (this.#isClosed) request.fail(new EngineClosedError())
    else if (signal?.aborted === true) this.#abort(request)
    else void this.#submit(request, options, work)
    return request.generation
  }

  async #submit (request: EngineRequest, options: RequestOptions, work: Work): Promise<void> {
    try {
      const { spec, generation } = this.#parts
      const { maxLogprobs } = this.info.options
      request.params = resolveSamplingParams(options, { vocabSize: spec.vocabSize, maxLogprobs }, generation)
      request.promptIds = checkPromptIds(await work.encode(), spec.vocabSize)
      if (request.isEnded) return
      request.tools = toolNames((options as ChatOptions).tools ?? [])
      const session = options.sessionId === undefined ? undefined : sessionKey(options.cacheSalt, options.sessionId)
      const isPredicted = this.#predict(request, work, session)
      if (isPredicted !== undefined) await isPredicted
      if (request.isEnded) return
      this.#enqueue(request, options, work.continues, session)
      this.#promptTokens += request.promptIds.length
      request.generation.markAccepted()
      this.#loop.wake()
    } catch (error) {
      if (error instanceof SloUnreachableError) this.#measured.slo.refused++
      for (const sequence of request.sequences) this.#scheduler.abort(sequence.id, now(), 'error')
      request.fail(error as Error)
    }
  }

  /** How long its answers will be; a promise where somebody else is asked, which takes its time. */
  #predict (request: EngineRequest, work: Work, session: string | undefined): Promise<void> | undefined {
    const startMs = now()
    const { maxTokens } = request.params!
    const previousTokens = this.#profiling.previousTokens(session)
    const known = {
      ...work.text(),
      promptTokens: request.promptIds.length,
      ...maxTokens === undefined ? {} : { maxTokens },
      ...previousTokens === undefined ? {} : { previousTokens }
    }
    const prediction = this.#profiling.predict(known)
    request.prediction = prediction
    this.#measured.predictionSec.observe((now() - startMs) / 1000)
    return this.#parts.externalLengths?.predict(known, prediction).then(chosen => { request.prediction = chosen })
  }

  #enqueue (request: EngineRequest, options: RequestOptions, continues: boolean, session: string | undefined): void {
    const params = request.params!
    const { promptIds } = request
    const seed = params.seed ?? deriveSeed(this.#engineSeed, ++this.#numRequests)
    const root = this.info.options.prefixCaching ? this.#keys.root(options.cacheSalt ?? '') : undefined
    const keys = root === undefined ? {} : { prefixRoot: root, prefixKeys: this.#keys.of(root, promptIds) }
    if (params.promptLogprobs) request.promptLogprobs = Array.from(promptIds, () => null)
    const sequences: EngineSequence[] = []
    for (let index = 0; index < params.n; index++) {
      const decoder = this.#parts.tokenizer.streamDecoder({ continues })
      sequences.push(new EngineSequence({
        id: ++this.#numSequences,
        arrivalMs: request.arrivalMs,
        promptIds,
        maxTokens: params.maxTokens ?? Number.MAX_SAFE_INTEGER,
        logprobs: params.logprobs,
        promptLogprobs: params.promptLogprobs && index === 0,
        priority: options.priority ?? 0,
        predictedTokens: request.prediction!.expectedTokens,
        reservedTokens: request.prediction!.reservedTokens,
        slo: options.slo ?? {},
        linkHealth: options.linkHealth ?? 1,
        ...session === undefined ? {} : { sessionId: session },
        ...options.readingTokensPerSec === undefined ? {} : { readingTokensPerSec: options.readingTokensPerSec },
        ...request.tools.length === 0 ? {} : { parksOnStop: this.#toolWaits.expectedWait },
        ...keys,
        ...index > 0 ? { forkOf: sequences[0]! } : {}
      }, request, new ChoiceOutput(index, decoder, params.stop, params.logprobs), deriveSeed(seed, index)))
    }
    request.forecast = this.#scheduler.forecast(sequences[0]!, now())
    if (this.info.options.refuseMissedSlo) refuseMissedSlo(options.slo ?? {}, request.forecast)
    for (const sequence of sequences) this.#scheduler.add(sequence)
    request.sequences = sequences
  }

  #openSlots (plan: EnginePlan): void {
    for (const sequence of plan.sequences) {
      if (this.#slots.isSampling(sequence.slot!)) continue
      const { params, promptIds } = sequence.request
      this.#slots.startSampling(sequence.slot!, slotParams(params!, sequence.seed, sequence.maxTokens, this.#parts.eosIds), promptIds)
    }
  }

  #deliver (plan: EnginePlan, output: StepOutput, nowMs: number): void {
    this.#profiling.stepEnded(plan, output)
    this.#measured.step(plan.numTokens, output.timing[StepTime.end]! - output.timing[StepTime.start]!)
    for (let row = 0; row < plan.numRows; row++) deliverRow(plan, row, output, nowMs, this.#logprobs, this.#rowActions)
  }

  #failPlan (plan: EnginePlan, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error)
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
    const nowMs = now()
    const open = request.sequences.filter(sequence => sequence.state !== 'ended')
    for (const sequence of open) this.#scheduler.abort(sequence.id, nowMs)
    for (const sequence of open) {
      sequence.output.end()
      request.deliver(sequence)
    }
    if (request.sequences.length === 0) request.endUnqueued('abort', nowMs, request.params?.n ?? 1)
    // Blocks are free: others may be waiting for them.
    this.#loop.wake()
  }

  #abortAll (): void {
    for (const request of [...this.#requests]) request.generation.abort()
  }

  #forget (request: EngineRequest, result: GenerationResult | undefined): void {
    this.#requests.delete(request)
    for (const sequence of request.sequences) {
      if (sequence.parksOnStop !== undefined) this.#toolWaits.ended(sequence, sequence.output.choice().text, request.tools, this.#scheduler, now())
    }
    this.#profiling.requestEnded(request)
    this.#measured.requestEnded(request, result)
    this.#parts.profilerFile?.saveSometimes(this.#profiling, now())
    if (this.#requests.size === 0) this.#onDrained?.()
  }

  /** A defect of ours: better no answers than wrong ones. */
  #break (error: unknown): void {
    this.#isClosed = true
    const message = error instanceof Error ? error.message : String(error)
    for (const request of [...this.#requests]) request.fail(new StepFailedError(`The engine failed and is closed: ${message}`, error))
    this.close().catch(() => {})
  }
}

function usablePolicy (name: string): Policy {
  const policy = createPolicy(name)
  checkPolicy(policy)
  return policy
}

/** Measured on two cores; the first use of the host tier is slower. */
const swapBytesPerMs = 10e6

const now = (): number => performance.now()
