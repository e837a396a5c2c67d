import type { EngineTokenizer } from './engine-model.js'

/** Those of these texts that are special tokens of the model, by their ids: decoding leaves them out. */
export function specialTokens (tokenizer: Pick<EngineTokenizer, 'idOf' | 'isSpecial'>, texts: readonly string[]): ReadonlyMap<number, string> {
  return new Map(texts.flatMap(text => {
    const id = tokenizer.idOf(text)
    return id !== undefined && tokenizer.isSpecial(id) ? [[id, text] as const] : []
  }))
}
