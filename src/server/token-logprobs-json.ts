import type { TokenLogprob } from '../engine/api.js'

/** `logprobs` of a chat choice; null when none were asked for. */
export function chatLogprobs (tokens: readonly TokenLogprob[] | undefined): { content: object[], refusal: null } | null {
  if (tokens === undefined) return null
  return {
    content: tokens.map(({ token, logprob, bytes, top }) => ({
      token,
      logprob,
      bytes,
      top_logprobs: top.map(entry => ({ token: entry.token, logprob: entry.logprob, bytes: entry.bytes }))
    })),
    refusal: null
  }
}

/**
 * `logprobs` of completions for the tokens of one choice as they come: `text_offset` counts Unicode
 * characters from the start of the choice's text.
 */
export class CompletionLogprobs {
  #offset = 0

  next (tokens: ReadonlyArray<TokenLogprob | PromptToken>): object {
    const textOffsets = tokens.map(({ bytes }) => this.#advance(bytes))
    return {
      tokens: tokens.map(({ token }) => token),
      token_logprobs: tokens.map(({ logprob }) => logprob),
      top_logprobs: tokens.map(entry => entry.logprob === null ? null : topOf(entry)),
      text_offset: textOffsets
    }
  }

  /** The offset of a token that ends a character is that of the character. */
  #advance (bytes: readonly number[]): number {
    const start = bytes[0] !== undefined && isContinuation(bytes[0]) ? this.#offset - 1 : this.#offset
    this.#offset += bytes.filter(byte => !isContinuation(byte)).length
    return Math.max(0, start)
  }
}

/** The prompt's first token: nothing comes before it, so that it has no probability. */
export interface PromptToken {
  readonly token: string
  readonly bytes: readonly number[]
  readonly logprob: null
}

/** The sampled token is always there, so that a reader can compare it with the best. */
function topOf (entry: TokenLogprob): Record<string, number> {
  return Object.fromEntries([...entry.top, entry].map(({ token, logprob }) => [token, logprob]))
}

function isContinuation (byte: number): boolean {
  return (byte & 0xc0) === 0x80
}
