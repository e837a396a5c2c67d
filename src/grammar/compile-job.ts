import type { Automaton } from './automaton.js'
import type { SpecialIds } from './compile.js'
import type { TokenTrie, Vocabulary } from './token-trie.js'

export type CompileJob =
  | { readonly kind: 'vocabulary', readonly vocabulary: Vocabulary }
  /** `constraint` as JSON. */
  | { readonly kind: 'constraint', readonly constraint: string, readonly specialIds: SpecialIds, readonly maxTokenBytes: number }

export type CompileReply =
  | { readonly kind: 'trie', readonly trie: TokenTrie }
  | { readonly kind: 'automaton', readonly automaton: Automaton }
  /** The constraint is wrong, at the path within it. */
  | { readonly kind: 'refused', readonly message: string, readonly path: string }
  | { readonly kind: 'failed', readonly message: string }
