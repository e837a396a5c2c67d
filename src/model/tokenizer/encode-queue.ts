import type { Tokenizer as Library } from 'tokenizers'

/** Characters; encoding less takes well under a second. */
const longText = 64 * 1024

/**
 * Encodes on libuv's pool, which has four threads for the whole process. Long texts take turns: several at
 * once would leave no thread to short ones, and the library needs some hundred bytes for each of their tokens.
 */
export class EncodeQueue {
  #lastLong: Promise<void> = Promise.resolve()

  async encode (library: Library, text: string): Promise<Int32Array> {
    if (text === '') return new Int32Array(0)
    if (text.length <= longText) return await idsOf(library, text)
    const turn = this.#lastLong.then(async () => await idsOf(library, text))
    this.#lastLong = turn.then(() => {}, () => {})
    return await turn
  }
}

async function idsOf (library: Library, text: string): Promise<Int32Array> {
  const encoding = await library.encode(text, null, { addSpecialTokens: false })
  return Int32Array.from(encoding.getIds())
}
