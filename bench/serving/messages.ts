/** What a run has cost the thread that runs JavaScript. */
export interface Cost {
  readonly tokens: number
  readonly tokensPerSec: number
  /** Wall time of a step. */
  readonly stepMs: number
  /** Device idle between two steps. */
  readonly idleMsPerStep: number
  readonly cpuUsPerToken: number
  readonly loopDelayP50Ms: number
  readonly loopDelayP99Ms: number
  readonly loopDelayMaxMs: number
}

export interface EngineRun {
  readonly type: 'engine'
  readonly streams: number
  readonly seconds: number
  /** Of each stream, at most. */
  readonly tokens: number
}

export type ToChild =
  | { readonly type: 'mark' | 'cost' | 'stop' }
  | EngineRun

export type FromChild =
  | { readonly type: 'ready', readonly port: number, readonly maxModelLen: number }
  | { readonly type: 'cost', readonly cost: Cost }

/** What stream i is asked. */
export function questionOf (i: number): Array<{ role: 'user', content: string }> {
  return [{ role: 'user', content: `Tell me a story about the number ${i}.` }]
}
