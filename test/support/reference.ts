// What Hugging Face transformers computes in float32 (test/fixtures/README.md), and how far off a model of ours is.
// The addon gives log-probabilities, not logits: both sides are compared after log-softmax, relative to the largest
// logit. What that hides, a constant added to all logits of a row, changes no token.
import { readFileSync } from 'node:fs'
import { RowOutput, type NativeModel } from '../../src/native/binding.js'
import { fixture, readTensors, type Tensor } from './fixtures.js'
import { runStep, slotParams } from './native-model.js'

export const vocabSize = 320

export interface Case { name: string, promptIds: number[], greedyIds: number[], greedyTop2Gap: number[] }

export interface Reference {
  cases: Case[]
  tensors: Map<string, Tensor>
}

export function readReference (path: string): Reference {
  return {
    cases: JSON.parse(readFileSync(fixture(`${path}.json`), 'utf8')) as Case[],
    tensors: readTensors(fixture(`${path}.safetensors`))
  }
}

export function logSoftmax (logits: Float32Array): Float64Array {
  const best = Math.max(...logits)
  let sum = 0
  for (const logit of logits) sum += Math.exp(logit - best)
  return Float64Array.from(logits, logit => logit - best - Math.log(sum))
}

/** Log-probabilities of the `top` best tokens after each position of the prompt: (positions, vocab), NaN for the others. */
export async function scorePrompt (model: NativeModel, ids: readonly number[], chunk: number, top = vocabSize): Promise<Float64Array[]> {
  const slot = model.kv.open()
  model.openSlot(slot, slotParams({ topLogprobs: top }), new Int32Array(0), new Int32Array(0))
  model.kv.grow(slot, ids.length)
  const rows: Float64Array[] = []
  for (let start = 0; start < ids.length; start += chunk) {
    const tokens = ids.slice(start, start + chunk)
    const next = ids[start + chunk] ?? 0
    const output = await runStep(model, [{ slot, tokens, position: start, outputs: RowOutput.promptLogprobs, next }])
    for (let i = 0; i < tokens.length; i++) {
      const row = new Float64Array(vocabSize).fill(NaN)
      for (let k = i * top; k < (i + 1) * top; k++) row[output.promptTopIds[k]!] = output.promptTopLogprobs[k]!
      rows.push(row)
    }
  }
  model.closeSlot(slot)
  model.kv.close(slot)
  return rows
}

/** max|difference| / max|reference logit| over the kept positions. */
export function relativeError (rows: Float64Array[], positions: Tensor, logits: Tensor, baseline = logits, top = vocabSize): number {
  let worst = 0
  positions.data.forEach((position, i) => {
    const expected = logSoftmax(logits.data.subarray(i * vocabSize, (i + 1) * vocabSize) as Float32Array)
    const row = rows[position]!
    if (row.filter(value => !Number.isNaN(value)).length !== top) worst = Infinity
    row.forEach((value, k) => { if (!Number.isNaN(value)) worst = Math.max(worst, Math.abs(value - expected[k]!)) })
  })
  return worst / largestOf(baseline)
}

export function largestOf ({ data }: Tensor): number {
  let largest = 0
  for (const value of data) largest = Math.max(largest, Math.abs(value))
  return largest
}

/** How many of the numbers differ: tap's own comparison takes minutes for arrays of this size. */
export function countDifferences (a: Float64Array[], b: Float64Array[]): number {
  let count = a.length === b.length ? 0 : Infinity
  a.forEach((row, i) => row.forEach((value, k) => { if (value !== b[i]?.[k]) count++ }))
  return count
}
