import type { ChatOptions, CompleteOptions, EmbedOptions, EmbedResult, Generation } from '../engine/api.js'
import type { EngineMetrics } from '../engine/engine-info.js'

/** What the server needs of an engine; `Engine` is one. */
export interface ServedEngine {
  /** Requests name it so. */
  readonly modelName: string
  /** `maxModelLen`: longest sequence, prompt and answer together, in tokens; `maxQueuedRequests`: sequences that may wait. */
  readonly info: { readonly options: { readonly maxModelLen: number, readonly maxQueuedRequests?: number } }
  chat (options: ChatOptions): Generation
  complete (options: CompleteOptions): Generation
  /**
   * An engine without it takes everything that its own methods take.
   *
   * @throws OverloadedError when the queue has no room for a prompt of so many characters
   */
  checkQueue? (characters: number): void
  embed (options: EmbedOptions): Promise<EmbedResult>
  tokenize (text: string): Promise<Int32Array>
  tokenizeChat (options: Pick<ChatOptions, 'messages' | 'tools' | 'templateVariables'>): Promise<Int32Array>
  detokenize (ids: ArrayLike<number>): string
  /** Forgets cached prefixes that no request uses. */
  clearPrefixCache? (): void
  /** `steps` grows with every step: while it does, the engine is alive. */
  stats (): { readonly steps: { readonly steps: number } }
  /** For /metrics; an engine without it has none there. */
  metrics? (): EngineMetrics
}

/** Several engines by the names of their models; `EngineRegistry` is one. */
export interface ServedRegistry extends Iterable<ServedEngine> {
  /** @throws UnknownModelError */
  get (name: string): ServedEngine
  names (): readonly string[]
}

/** An engine that is still being loaded: the port can open before it is there. */
export interface LoadingEngine {
  /** Names under which the engine will answer. */
  readonly modelNames: readonly string[]
  readonly engine: Promise<ServedEngine | ServedRegistry>
  /** Done so far, from 0 to 1. */
  progress (): number
}

export type EngineSource = ServedEngine | ServedRegistry | LoadingEngine

export function isLoading (source: EngineSource): source is LoadingEngine {
  return 'engine' in source
}

export function isRegistry (source: ServedEngine | ServedRegistry): source is ServedRegistry {
  return Symbol.iterator in source
}
