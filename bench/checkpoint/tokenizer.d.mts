// What TypeScript uses of tokenizer.mjs.
import type { Shape } from './shapes.mjs'

export function vocabularyOf (shape: Shape): { bosId: number, eosIds: number[] }
