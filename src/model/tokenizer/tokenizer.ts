/** Text to token ids and back, for one model. Encoding runs on a thread of libuv's pool. */
export interface Tokenizer {
  /** One more than the largest id. */
  readonly vocabSize: number
  readonly bosId: number | undefined
  /** Ids that the model expects before and after a text that stands alone, such as BOS. */
  readonly prefixIds: readonly number[]
  readonly suffixIds: readonly number[]
  /**
   * Plain text: what looks like a special token is encoded as the text that it is. Markup that is not
   * marked as special is matched, as in Hugging Face. `prefixIds` and `suffixIds` are not added.
   */
  encode (text: string): Promise<Int32Array>
  /** Text whose special tokens are meant, such as a prompt in a model's own markup. */
  encodeWithSpecials (text: string): Promise<Int32Array>
  /** What a chat template rendered: its own special tokens are meant, those in messages are not. */
  encodeRendered (rendered: GuardedText): Promise<Int32Array>
  /** Special tokens are left out unless `keepSpecials`; broken UTF-8 gives U+FFFD. */
  decode (ids: ArrayLike<number>, options?: DecodeOptions): string
  streamDecoder (options?: DecodeOptions): StreamDecoder
  idOf (token: string): number | undefined
  /** The exact bytes that the token adds inside a text, also of half a character; empty past the end. */
  tokenBytes (id: number): Uint8Array
  isSpecial (id: number): boolean
  /** The tokens that messages must not be able to write; see `special-tokens.ts`. */
  readonly specials: SpecialTokens
}

export interface SpecialTokens {
  /** Marked as special by the tokenizer: `<|im_end|>`. */
  readonly control: readonly string[]
  /** Added markup that is not marked as special: `<tool_call>`, `</think>`. */
  readonly markup: readonly string[]
}

/** Text in which the guard character stands inside each look-alike of a special token. */
export interface GuardedText {
  readonly text: string
  /** To be taken out before encoding; undefined when nothing looked like a special token. */
  readonly guard: string | undefined
}

export interface DecodeOptions {
  readonly keepSpecials?: boolean
  /**
   * The ids continue a text, so that the first one's leading space is kept. SentencePiece
   * tokenizers drop it at the start of a text.
   */
  readonly continues?: boolean
}

/** Text from tokens as they come; the pieces joined are `decode` of all ids. */
export interface StreamDecoder {
  /** Text that is complete with this token; never half a character. */
  push (id: number): string
  /** The rest: U+FFFD when the ids ended within a character. */
  end (): string
}
