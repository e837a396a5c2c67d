import type { NativeModel } from '../native/binding.js'
import type { ChatInput } from '../model/chat/chat-template.js'
import type { GenerationDefaults } from '../model/generation-config.js'
import type { ModelSpec } from '../model/model-spec.js'
import type { GuardedText, Tokenizer } from '../model/tokenizer/tokenizer.js'
import type { TokenBudget } from '../scheduler/token-budget.js'
import type { ExternalLengths } from './external-lengths.js'
import type { PrefixHashing } from './prefix-keys.js'
import type { ProfilerFile } from './profiler-file.js'
import type { Profiling } from './profiling.js'
import type { ResolvedOptions } from './resolved-options.js'

/** What the engine needs of a tokenizer. */
export type EngineTokenizer = Pick<Tokenizer,
  'encode' | 'encodeWithSpecials' | 'encodeRendered' | 'decode' | 'streamDecoder' | 'tokenBytes' | 'idOf' | 'isSpecial' | 'prefixIds' | 'suffixIds'>

/** What the engine needs of a chat template. */
export interface EngineTemplate {
  render (input: ChatInput, signal?: AbortSignal): Promise<GuardedText>
  /** The template's text that renders such a request. */
  source (hasTools: boolean): string
  close (): Promise<void>
}

/** A loaded model with all that the engine runs it by. */
export interface EngineParts {
  readonly model: NativeModel
  readonly spec: Pick<ModelSpec, 'vocabSize' | 'hiddenSize' | 'architecture' | 'numLayers' | 'maxPositions'>
  readonly tokenizer: EngineTokenizer
  /** Undefined when the model completes text only. */
  readonly chatTemplate: EngineTemplate | undefined
  /** Tokens that end an answer. */
  readonly eosIds: readonly number[]
  /** The model's own sampling defaults. */
  readonly generation: GenerationDefaults
  readonly options: ResolvedOptions
  readonly hashing: PrefixHashing
  /** Folder or file of the model. */
  readonly path: string
  readonly budget?: TokenBudget
  /** What was learnt before; missing = nothing. */
  readonly profiling?: Profiling
  /** Asked how long answers will be, before our own predictor. */
  readonly externalLengths?: ExternalLengths
  /** Where that is kept; missing = nowhere. */
  readonly profilerFile?: ProfilerFile
}
