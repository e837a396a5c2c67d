import type { StepOutput } from '../native/binding.js'
import type { TokenLogprob } from './api.js'

/** Bytes of a token; those of `Tokenizer`. */
export interface TokenBytes {
  tokenBytes (id: number): Uint8Array
}

/** What JSON has in place of minus infinity. */
const impossible = -9999

/** Reads log-probabilities out of a step's arrays, with the tokens' texts. */
export class LogprobReader {
  readonly #tokens: TokenBytes
  /** Row width of the arrays of most likely tokens. */
  readonly #maxLogprobs: number
  readonly #utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

  constructor (tokens: TokenBytes, maxLogprobs: number) {
    this.#tokens = tokens
    this.#maxLogprobs = maxLogprobs
  }

  /** Of the sampled token at `place` of `output.tokens`. */
  sampled (output: StepOutput, place: number): TokenLogprob {
    return this.#read(output.tokens[place]!, output.logprobs[place]!, output.topIds, output.topLogprobs, place)
  }

  /** Of prompt token `id`, which follows input token `place`. */
  prompt (output: StepOutput, place: number, id: number): TokenLogprob {
    return this.#read(id, output.promptLogprobs[place]!, output.promptTopIds, output.promptTopLogprobs, place)
  }

  #read (id: number, logprob: number, topIds: Int32Array, topLogprobs: Float32Array, place: number): TokenLogprob {
    const top = []
    for (let i = place * this.#maxLogprobs; i < (place + 1) * this.#maxLogprobs; i++) {
      const topId = topIds[i]!
      if (topId < 0) break
      top.push(this.#entry(topId, topLogprobs[i]!))
    }
    return { ...this.#entry(id, logprob), top }
  }

  #entry (tokenId: number, logprob: number): { tokenId: number, token: string, bytes: number[], logprob: number } {
    const bytes = this.#tokens.tokenBytes(tokenId)
    return {
      tokenId,
      token: this.#utf8.decode(bytes),
      bytes: Array.from(bytes),
      logprob: Number.isFinite(logprob) ? logprob : impossible
    }
  }
}
