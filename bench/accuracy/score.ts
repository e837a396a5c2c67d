import { RowOutput, StepInput, StepOutput, type NativeModel, type Slot, type SlotParams } from '../../src/native/binding.js'

const greedy: SlotParams = {
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  frequencyPenalty: 0,
  presencePenalty: 0,
  seed: 0n,
  stopTokenIds: new Int32Array(0),
  minTokens: 0,
  maxTokens: 1,
  topLogprobs: 0,
  biasIds: new Int32Array(0),
  biases: new Float32Array(0)
}

/** Tokens, of which those from `start` (at least 1) on are to be predicted. */
export interface Text {
  readonly ids: Int32Array
  readonly start: number
}

/** Scores texts by a model whose maxLogprobs is its vocabulary. */
export class Scorer {
  readonly #model: NativeModel
  readonly #vocabSize: number
  readonly #input: StepInput
  readonly #output: StepOutput
  readonly #rows: Float32Array

  constructor (model: NativeModel, vocabSize: number) {
    const { maxRows, maxTokens, maxLogprobs } = model
    this.#model = model
    this.#vocabSize = vocabSize
    this.#input = new StepInput(maxRows, maxTokens)
    this.#output = new StepOutput(maxRows, maxTokens, maxLogprobs)
    this.#rows = new Float32Array(maxTokens * vocabSize)
  }

  /**
   * Log-probabilities of the whole vocabulary for each token from `start` on, as the ones before it predict
   * it: (tokens - start, vocabulary), valid until the next call.
   */
  async score ({ ids, start }: Text): Promise<Float32Array> {
    const { kv } = this.#model
    const slot = kv.open()
    this.#model.openSlot(slot, { ...greedy, topLogprobs: this.#vocabSize }, new Int32Array(0), new Int32Array(0))
    if (!kv.grow(slot, ids.length)) throw new Error(`A text of ${ids.length} tokens is too long for the KV cache.`)
    await this.#step(slot, ids.subarray(0, start - 1), 0, 0, -1)
    await this.#step(slot, ids.subarray(start - 1, -1), start - 1, RowOutput.promptLogprobs, ids.at(-1)!)
    this.#model.closeSlot(slot)
    kv.close(slot)
    const { promptTopIds, promptTopLogprobs } = this.#output
    const count = (ids.length - start) * this.#vocabSize
    for (let i = 0; i < count; i++) {
      const row = i - i % this.#vocabSize
      this.#rows[row + promptTopIds[i]!] = promptTopLogprobs[i]!
    }
    return this.#rows.subarray(0, count)
  }

  async #step (slot: Slot, tokens: Int32Array, position: number, outputs: number, next: number): Promise<void> {
    if (tokens.length === 0) return
    const input = this.#input
    input.slots[0] = slot
    input.queryStarts[1] = tokens.length
    input.tokenIds.set(tokens)
    input.positions[0] = position
    input.outputs[0] = outputs
    input.nextTokenIds[0] = next
    await new Promise<void>((resolve, reject) => {
      this.#model.step(1, input.buffer, this.#output.buffer, error => { if (error === undefined) resolve(); else reject(error) })
    })
  }
}
