import { setTimeout as sleep } from 'node:timers/promises'
import { loadAddon } from '../../src/native/addon.js'
import { RowOutput, RowStatus, StepInput, StepOutput, type NativeModel, type Slot, type SlotParams } from '../../src/native/binding.js'
import { Engine } from '../../src/engine/engine.js'
import type { EngineParts, EngineTokenizer } from '../../src/engine/engine-model.js'

interface SlotState {
  readonly params: SlotParams
  readonly promptIds: readonly number[]
  readonly generated: number[]
  isClosed: boolean
  isFinished: boolean
}

export interface ScriptedModelOptions {
  /** The token after these. */
  next: (promptIds: readonly number[], generated: readonly number[]) => number
  /** Milliseconds of a step; may fail it by throwing. */
  stepMs?: (step: number) => number
  /** Called with the number of each step that is to be queued; may refuse it by throwing. */
  take?: (step: number) => void
  /** A status that a row gets in place of its token. */
  statusOf?: (promptIds: readonly number[], generated: readonly number[]) => number | undefined
  blocks?: number
  hostBlocks?: number
}

const maxRows = 8
const maxTokens = 64
const maxLogprobs = 2
const blockTokens = 4

/** The interface of the native model without arithmetic: its tokens come from a function. */
export class ScriptedModel implements NativeModel {
  readonly kv
  readonly memory = { weightsBytes: 0, kvBytes: 0, kvHostBytes: 0, workspaceBytes: 0 }
  readonly exchange = ''
  readonly fingerprint = 'scripted'
  readonly maxRows = maxRows
  readonly maxTokens = maxTokens
  readonly maxLogprobs = maxLogprobs
  readonly #options: ScriptedModelOptions
  readonly #slots = new Map<number, SlotState>()
  #device: Promise<void> = Promise.resolve()
  steps = 0
  /** Unsettled steps, and the most there ever were. */
  queued = 0
  mostQueued = 0
  disposals = 0
  /** Rows of each step. */
  readonly rowCounts: number[] = []

  constructor (options: ScriptedModelOptions) {
    this.#options = options
    this.kv = loadAddon().createKvPool(options.blocks ?? 64, blockTokens, options.hostBlocks)
  }

  openSlot (slot: Slot, params: SlotParams, promptIds: Int32Array): void {
    this.#slots.set(slot, { params, promptIds: [...promptIds], generated: [], isClosed: false, isFinished: false })
  }

  closeSlot (slot: Slot): void {
    this.#slots.get(slot)!.isClosed = true
    this.#slots.delete(slot)
  }

  setMask (): void {
    throw new Error('not scripted')
  }

  step (numRows: number, input: ArrayBuffer, output: ArrayBuffer, done: (error?: Error) => void): void {
    this.#options.take?.(this.steps + 1)
    this.#run(numRows, new StepInput(maxRows, maxTokens, input), new StepOutput(maxRows, maxTokens, maxLogprobs, output)).then(() => { done() }, done)
  }

  async #run (numRows: number, input: StepInput, output: StepOutput): Promise<void> {
    const rows = Array.from({ length: numRows }, (_, row) => ({
      state: this.#slots.get(input.slots[row]!)!,
      outputs: input.outputs[row]!
    }))
    const number = ++this.steps
    this.rowCounts.push(numRows)
    this.mostQueued = Math.max(this.mostQueued, ++this.queued)
    const run = this.#device.then(async () => {
      await sleep(this.#options.stepMs?.(number) ?? 0)
      let count = 0
      output.tokenStarts[0] = 0
      for (const [row, { state, outputs }] of rows.entries()) {
        if (this.#runRow(state, outputs, row, count, output)) count++
        output.tokenStarts[row + 1] = count
      }
    }).finally(() => { this.queued-- })
    this.#device = run.catch(() => {})
    await run
  }

  hiddenStates (): Float32Array {
    throw new Error('not scripted')
  }

  stageTimes (): [] {
    return []
  }

  async dispose (): Promise<void> {
    this.disposals++
    await this.#device
  }

  #runRow (state: SlotState, outputs: number, row: number, place: number, output: StepOutput): boolean {
    output.statuses[row] = RowStatus.skipped
    if (state.isClosed || state.isFinished) return false
    output.statuses[row] = RowStatus.running
    if ((outputs & RowOutput.sample) === 0) return false
    const status = this.#options.statusOf?.(state.promptIds, state.generated)
    if (status !== undefined) {
      output.statuses[row] = status
      return false
    }
    const token = this.#options.next(state.promptIds, state.generated)
    state.generated.push(token)
    output.tokens[place] = token
    output.logprobs[place] = -token
    output.topIds.fill(-1, place * maxLogprobs, (place + 1) * maxLogprobs)
    output.topIds[place * maxLogprobs] = token
    output.topLogprobs[place * maxLogprobs] = -token
    const stopped = state.params.stopTokenIds.includes(token)
    state.isFinished = stopped || state.generated.length >= state.params.maxTokens
    if (state.isFinished) output.statuses[row] = stopped ? RowStatus.stop : RowStatus.length
    return true
  }
}

/** A tokenizer whose tokens are these bytes; prompts are split greedily by them. */
export function scriptedTokenizer (vocabulary: ReadonlyArray<string | Uint8Array>): EngineTokenizer {
  const bytes = vocabulary.map(token => typeof token === 'string' ? new TextEncoder().encode(token) : token)
  const encode = async (text: string): Promise<Int32Array> => {
    const ids: number[] = []
    for (let rest = text; rest !== '';) {
      const id = vocabulary.findIndex(token => typeof token === 'string' && token !== '' && rest.startsWith(token))
      if (id < 0) throw new Error(`no token for ${rest}`)
      ids.push(id)
      rest = rest.slice((vocabulary[id] as string).length)
    }
    return Int32Array.from(ids)
  }
  return {
    encode,
    encodeWithSpecials: encode,
    encodeRendered: async rendered => await encode(rendered.text),
    decode: ids => new TextDecoder().decode(Buffer.concat(Array.from(ids, id => bytes[id]!))),
    streamDecoder: () => {
      const utf8 = new TextDecoder()
      return { push: id => utf8.decode(bytes[id], { stream: true }), end: () => utf8.decode() }
    },
    tokenBytes: id => bytes[id]!,
    idOf: text => vocabulary.indexOf(text) < 0 ? undefined : vocabulary.indexOf(text),
    isSpecial: () => false,
    prefixIds: [],
    suffixIds: []
  }
}

/** An engine over a scripted model. Token 0 ends an answer. */
export function scriptedEngine (
  vocabulary: ReadonlyArray<string | Uint8Array>, options: ScriptedModelOptions, extra: Partial<EngineParts> = {},
  changes: Partial<EngineParts['options']> = {}
): { engine: Engine, model: ScriptedModel } {
  const model = new ScriptedModel(options)
  const addon = loadAddon()
  const engine = new Engine({
    model,
    spec: { architecture: 'scripted', vocabSize: vocabulary.length, hiddenSize: 4, numLayers: 1, maxPositions: 128 },
    tokenizer: scriptedTokenizer(vocabulary),
    chatTemplate: {
      render: async ({ messages }) => ({ text: messages.map(message => (message as { content: string }).content).join(''), guard: undefined }),
      source: () => '',
      close: async () => {}
    },
    eosIds: [0],
    generation: {},
    hashing: addon,
    path: '/scripted',
    options: Object.freeze({
      maxModelLen: 128,
      maxNumSeqs: maxRows,
      maxBatchTokens: maxTokens,
      kvCacheMemory: 0,
      kvBlocks: model.kv.totalBlocks,
      kvSwapMemory: 0,
      kvHostBlocks: model.kv.hostBlocks,
      blockTokens,
      policy: 'fcfs',
      pacing: 'none',
      maxResidentSeqs: maxRows,
      readingTokensPerSec: 4.8,
      reserveRatio: 0,
      speculativeDecoding: 'none',
      numSpeculativeTokens: 8,
      maxStepMs: undefined,
      maxQueuedRequests: 1024,
      maxQueuedTokens: 4_194_304,
      refuseMissedSlo: false,
      servedModelName: 'scripted',
      threads: 1,
      pinThreads: false,
      deviceMap: [],
      quantize: 'none',
      quantizeGroup: 32,
      activationDtype: 'f32',
      kvDtype: 'f32',
      prefixCaching: true,
      deterministic: false,
      nccl: 'auto',
      preallocateKv: false,
      kernels: 'scalar',
      profilerState: undefined,
      maxLogprobs,
      seed: 1,
      ...changes
    }),
    ...extra
  })
  return { engine, model }
}

/** The tokens of an answer, then the end-of-answer token for ever. */
export const answering = (...ids: number[]) =>
  (_prompt: readonly number[], generated: readonly number[]): number => ids[generated.length] ?? 0
