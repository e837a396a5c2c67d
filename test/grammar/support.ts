import type { Random } from '../support/random.js'
import { compileConstraint } from '../../src/grammar/compile.js'
import type { Constraint } from '../../src/grammar/constraint.js'
import { GrammarMatcher } from '../../src/grammar/matcher.js'
import { Parser } from '../../src/grammar/parser.js'
import { MaskVocabulary, TokenMasks } from '../../src/grammar/token-masks.js'
import { buildTokenTrie, type Vocabulary } from '../../src/grammar/token-trie.js'

export function vocabularyOf (tokens: ReadonlyArray<string | Uint8Array>): Vocabulary {
  const parts = tokens.map(token => typeof token === 'string' ? new TextEncoder().encode(token) : token)
  const starts = Int32Array.from([0, ...parts.map((_, i) => parts.slice(0, i + 1).reduce((sum, { length }) => sum + length, 0))])
  return { size: tokens.length, starts, bytes: Uint8Array.from(parts.flatMap(part => [...part])) }
}

const longTokens = ['{"', '":', '": ', '", "', '"}', ', "', '":"', 'true', 'false', 'null', 'name', 'age', 'ab', 'abc', 'é', '日本', '10', '42', '\n  ', '  ', '[]', '{}', '},{', '\\n', '\\"', '```', ' the']
/** Every byte, some longer tokens, two with the same bytes, and a special token that ends answers. */
export const bytes: ReadonlyArray<string | Uint8Array> = [...Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)), ...longTokens, 'abc', '', '']
export const eosId = bytes.length - 2
export const specialId = bytes.length - 1

export const vocabulary = vocabularyOf(bytes)
const masks = new MaskVocabulary(buildTokenTrie(vocabulary), [eosId])

export function tokenMasks (constraint: Constraint): TokenMasks {
  return new TokenMasks(new Parser(compileConstraint(constraint, { '<special>': specialId }, masks.trie.maxTokenBytes)), masks)
}

export function matcherOf (constraint: Constraint, using = tokenMasks(constraint)): GrammarMatcher {
  return new GrammarMatcher(using, vocabulary, masks)
}

export function idsOf (mask: Int32Array): number[] {
  return bytes.map((_, id) => id).filter(id => (mask[id >> 5]! >> (id & 31) & 1) === 1)
}

export function tokenText (ids: readonly number[]): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(ids.flatMap(id => [...vocabulary.bytes.subarray(vocabulary.starts[id], vocabulary.starts[id + 1])])))
}

/** Whether the whole text fits, byte by byte. */
export function fits (constraint: Constraint, text: string): boolean {
  const matcher = matcherOf(constraint)
  for (const byte of new TextEncoder().encode(text)) {
    const isAllowed = idsOf(matcher.mask()).includes(byte)
    if (matcher.accept(byte) !== isAllowed) throw new Error(`mask and acceptance differ at byte ${byte} of ${JSON.stringify(text)}`)
    if (!isAllowed) return false
  }
  return matcher.isComplete
}

/** An answer of a model that has no idea: any token that may follow. Undefined when it has not ended after `maxTokens`. */
export function babble (constraint: Constraint, random: Random, maxTokens = 400, using = tokenMasks(constraint)): string | undefined {
  const matcher = matcherOf(constraint, using)
  const ids: number[] = []
  while (ids.length < maxTokens) {
    const allowed = idsOf(matcher.mask())
    // It ends when it can, more often than by chance.
    const id = allowed.includes(eosId) && random.chance(0.3) ? eosId : random.pick(allowed)
    if (!matcher.accept(id)) throw new Error(`the mask allows ${id}, which is not accepted`)
    if (id === eosId) return tokenText(ids)
    ids.push(id)
  }
  return undefined
}
