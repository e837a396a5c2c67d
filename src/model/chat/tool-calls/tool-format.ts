import type { CallMarkup } from './call-parser.js'
import type { CallSpelling } from './forced-calls.js'

/** The form in which a family of models writes calls of tools. */
export interface ToolFormat extends CallMarkup {
  readonly name: string
  /** Of its markup, what such models have as special tokens: decoding leaves them out. */
  readonly specials: readonly string[]
  /** Calls have ids of nine letters and digits. */
  readonly hasShortIds: boolean
  /** Of several, that which the template shows: answers that are held to calls are written so. */
  spelling (template: string): CallSpelling
}
