import { randomUUID } from 'node:crypto'
import { BadLogitsError, EngineClosedError, InvalidParameterError } from '../core/errors.js'
import { RowOutput } from '../core/step.js'
import type { EmbedOptions, EmbedResult, RequestOptions } from './api.js'
import { checkPromptIds, checkRequest, embedOptionNames } from './check-request.js'
import type { EngineRequest } from './engine-request.js'
import type { EnginePlan } from './step-loop.js'

export type EmbeddingInput = string | readonly number[]

/**
 * The texts or lists of token ids of a call.
 *
 * @throws InvalidParameterError
 */
export function checkEmbed (options: EmbedOptions, vocabSize: number, hiddenSize: number): EmbeddingInput[] {
  checkRequest(options, embedOptionNames)
  const { input, dimensions } = options
  if (dimensions !== undefined && !(Number.isInteger(dimensions) && dimensions >= 1 && dimensions <= hiddenSize)) {
    throw new InvalidParameterError('dimensions', `dimensions is ${String(dimensions)}; embeddings of this model have 1 to ${hiddenSize}.`)
  }
  if (typeof input === 'string') return [checkInput(input, 'input', vocabSize)]
  if (!Array.isArray(input) || input.length === 0) {
    throw new InvalidParameterError('input', 'input must be a text, a list of token ids, or a list of texts or of lists of token ids, none of them empty.')
  }
  const list = input as readonly unknown[]
  if (typeof list[0] === 'number') return [checkInput(list, 'input', vocabSize)]
  return list.map((item, i) => checkInput(item, `input[${i}]`, vocabSize))
}

function checkInput (input: unknown, path: string, vocabSize: number): EmbeddingInput {
  if (typeof input === 'string') {
    if (input === '') throw new InvalidParameterError(path, `${path} is empty; give at least one character.`)
    return input
  }
  return Array.from(checkPromptIds(input as ArrayLike<number>, vocabSize, path))
}

/** As a request that generates nothing, so long after the call. The call's signal is for all of its requests together. */
export function embedRequestOptions ({ input: _input, dimensions: _dimensions, signal: _signal, giveUpMs, ...options }: EmbedOptions, elapsedMs: number): RequestOptions {
  return { ...options, maxTokens: 0, ...giveUpMs === undefined ? {} : { giveUpMs: Math.max(1, giveUpMs - elapsedMs) } }
}

/**
 * Computes a call's inputs, so many at once: a long list takes no more of the queue than others need.
 *
 * @throws what one of them failed with, which ends the others, and the signal's reason
 */
export async function embedAll (
  inputs: readonly EmbeddingInput[], { dimensions, signal, requestId = randomUUID() }: EmbedOptions, atOnce: number, start: (input: EmbeddingInput) => EngineRequest
): Promise<EmbedResult> {
  const running = new Set<EngineRequest>()
  const embeddings: Float32Array[] = []
  const sum = { promptTokens: 0, cachedTokens: 0 }
  let next = 0
  let isOver = false
  const end = (): void => {
    isOver = true
    for (const { generation } of running) generation.abort()
  }
  const work = async (): Promise<void> => {
    while (next < inputs.length && !isOver) {
      const i = next++
      const request = start(inputs[i]!)
      running.add(request)
      const { usage } = await request.generation.result()
      running.delete(request)
      signal?.throwIfAborted()
      embeddings[i] = embeddingOf(request.hidden, dimensions)
      sum.promptTokens += usage.promptTokens
      sum.cachedTokens += usage.cachedTokens
    }
  }
  signal?.addEventListener('abort', end)
  try {
    await Promise.all(Array.from({ length: Math.min(atOnce, inputs.length) }, work))
    return { requestId, embeddings, usage: sum }
  } finally {
    signal?.removeEventListener('abort', end)
    end()
  }
}

/** The first dimensions, of length 1 together. */
function embeddingOf (hidden: Float32Array | undefined, dimensions: number | undefined): Float32Array {
  // Nothing but the engine's end aborts a request behind its caller's back.
  if (hidden === undefined) throw new EngineClosedError()
  const embedding = hidden.subarray(0, dimensions)
  let squares = 0
  for (const value of embedding) squares += value * value
  if (!Number.isFinite(squares) || squares === 0) throw new BadLogitsError()
  const factor = 1 / Math.sqrt(squares)
  return embedding.map(value => value * factor)
}

/** Takes what a step computed for embeddings to their requests. `read` is called when there is any. */
export function takeHidden (plan: EnginePlan, hiddenSize: number, read: () => Float32Array): void {
  let states: Float32Array | undefined
  let place = 0
  for (let row = 0; row < plan.numRows; row++) {
    if ((plan.outputs[row]! & RowOutput.hidden) === 0) continue
    states ??= read()
    const sequence = plan.sequences[row]!
    // Not of a sequence that has begun anew meanwhile.
    if (plan.epochs[row] === sequence.epoch) sequence.request.hidden = states.subarray(place, place + hiddenSize)
    place += hiddenSize
  }
}
