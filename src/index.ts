import './server/engine-listen.js'

export { Engine } from './engine/engine.js'
export type { CloseOptions, EngineInfo, EngineMetrics, EngineStats } from './engine/engine-info.js'
export { EngineRegistry, UnknownModelError } from './engine/registry.js'
export type {
  ChatMessage, ChatOptions, Choice, CompleteOptions, Constraint, FinishReason, Generation, GenerationChunk, GenerationResult, RequestOptions,
  Timeline, TokenLogprob, Tool, ToolCall, ToolContext, ToolResult, Usage
} from './engine/api.js'
export { engineOptions, flagOf, type PartialEngineOptions as EngineOptions } from './engine/options.js'
export type { LoadHooks } from './engine/load.js'
export type { LengthPredictorOption as LengthPredictor } from './engine/external-lengths.js'
export type { ExternalAnswer as LengthAnswer } from './profiler/external-predictor.js'
export type { LengthRequest } from './profiler/text-features.js'
export type { ResolvedOptions } from './engine/resolved-options.js'
export type { DeviceStage } from './engine/device-map.js'
export { deriveSeed } from './core/seed.js'
export type { ListeningServer, ListenOptions } from './server/listen.js'
export * from './core/errors.js'
