/** How far one model's predictions are from another's, over many texts. */
export class Deviation {
  #positions = 0
  #worst = 0
  #largest = 0
  #squaredError = 0
  #squared = 0
  #agreeing = 0
  #divergence = 0
  #loss = 0

  /** For each token its log-probabilities of the whole vocabulary, (tokens, vocabulary): the model's and the reference's. */
  add (tokens: Int32Array, vocabSize: number, rows: Float32Array, reference: Float32Array): void {
    tokens.forEach((token, i) => {
      const at = i * vocabSize
      this.#addRow(rows.subarray(at, at + vocabSize), reference.subarray(at, at + vocabSize))
      this.#loss -= rows[at + token]!
    })
  }

  /** Logits have a constant too many: both rows are compared with their means taken off. */
  #addRow (row: Float32Array, reference: Float32Array): void {
    const mean = meanOf(row)
    const referenceMean = meanOf(reference)
    let best = 0
    let referenceBest = 0
    for (let i = 0; i < row.length; i++) {
      const expected = reference[i]! - referenceMean
      const error = row[i]! - mean - expected
      this.#worst = Math.max(this.#worst, Math.abs(error))
      this.#largest = Math.max(this.#largest, Math.abs(expected))
      this.#squaredError += error * error
      this.#squared += expected * expected
      this.#divergence += Math.exp(reference[i]!) * (reference[i]! - row[i]!)
      if (row[i]! > row[best]!) best = i
      if (reference[i]! > reference[referenceBest]!) referenceBest = i
    }
    this.#positions++
    if (best === referenceBest) this.#agreeing++
  }

  result (): DeviationResult {
    return {
      positions: this.#positions,
      rmsError: Math.sqrt(this.#squaredError / this.#squared),
      maxError: this.#worst / this.#largest,
      agreement: this.#agreeing / this.#positions,
      divergence: this.#divergence / this.#positions,
      perplexity: Math.exp(this.#loss / this.#positions)
    }
  }
}

export interface DeviationResult {
  readonly positions: number
  /** Root of the mean squared error of the logits, over that of the reference's logits. */
  readonly rmsError: number
  /** Largest error of a logit over the reference's largest logit. */
  readonly maxError: number
  /** Share of the positions whose most likely token is the reference's. */
  readonly agreement: number
  /** Kullback-Leibler divergence from the reference, nats a token. */
  readonly divergence: number
  readonly perplexity: number
}

function meanOf (row: Float32Array): number {
  let sum = 0
  for (const value of row) sum += value
  return sum / row.length
}
