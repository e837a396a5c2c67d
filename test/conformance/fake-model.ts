/** A token of the fake model and its logprob. */
export interface Drawn {
  readonly id: number
  readonly logprob: number
  /** All tokens, the likeliest first. */
  readonly ranked: ReadonlyArray<{ readonly id: number, readonly logprob: number }>
}

export interface DrawOptions {
  readonly temperature: number
  readonly seed: number
  readonly topK: number
  readonly bias: Readonly<Record<string, number>>
}

export const vocabSize = 64
export const contextTokens = 256

const words = ['mill', 'river', 'old', 'wheel', 'stone', 'flour', 'miller', 'rain', 'é', '水', '😀', 'sack']

/** Every token is a word with a blank before it. */
export function tokenText (id: number): string {
  return ` ${words[id % words.length]}${id >= words.length ? Math.floor(id / words.length) : ''}`
}

/** A number from 0 to 1 that looks like chance and is a function of the others. */
export function noise (...parts: ReadonlyArray<string | number>): number {
  let hash = 2166136261
  for (const char of parts.join('|')) hash = Math.imul(hash ^ char.codePointAt(0)!, 16777619)
  hash = Math.imul(hash ^ (hash >>> 15), 2246822507)
  hash = Math.imul(hash ^ (hash >>> 13), 3266489909)
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32
}

/** The next token after a prompt and some tokens: logits are noise, drawn from as real ones are. */
export function draw (prompt: string, position: number, { temperature, seed, topK, bias }: DrawOptions): Drawn {
  const logits = Array.from({ length: vocabSize }, (_, id) => 4 * noise(prompt, position, id) + (bias[id] ?? 0))
  const top = Math.max(...logits)
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - top), 0)
  const ranked = logits
    .map((logit, id) => ({ id, logprob: Math.max(-9999, logit - top - Math.log(sum)) }))
    .sort((a, b) => b.logprob - a.logprob)
  const candidates = topK > 0 ? ranked.slice(0, topK) : ranked
  // The Gumbel trick: the largest of noisy logits is a draw from their distribution.
  const scored = candidates.map(({ id, logprob }) => ({
    id, logprob, score: temperature === 0 ? logprob : logprob / temperature - Math.log(-Math.log(noise('gumbel', seed, position, id) + 1e-9))
  }))
  const best = scored.reduce((one, other) => other.score > one.score ? other : one)
  return { id: best.id, logprob: best.logprob, ranked }
}

/** Tokens of a text, a word each; joined they are the text. */
export function tokensOf (text: string): string[] {
  return text.match(/\s*\S+|\s+$/g) ?? []
}
