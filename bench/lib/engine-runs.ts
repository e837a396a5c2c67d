// What can be measured of an engine in this process: prefill, and decoding at a batch size.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Engine } from '../../src/engine/engine.js'

let promptsMade = 0

/** Prompts differ from their first token on, so that the prefix cache has no part in it. Ids are those of plain tokens. */
export function randomPrompt (vocabSize: number, length: number): number[] {
  let state = ++promptsMade * 2654435761 >>> 0
  return Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return 300 + (state >>> 8) % (vocabSize - 700)
  })
}

/** Greedy, and never at its end before it is told to be. */
export const plain = { temperature: 0, ignoreEos: true } as const

/** Pages in, clocks up, buffers made. */
export async function warmUp (engine: Engine): Promise<void> {
  await engine.complete({ prompt: randomPrompt(engine.info.spec.vocabSize, 64), maxTokens: 8, ...plain }).result()
}

/** Prompt tokens per second of one prompt, from its arrival to its first token. */
export async function measurePrefill (engine: Engine, tokens: number): Promise<number> {
  const prompt = randomPrompt(engine.info.spec.vocabSize, tokens)
  const { timeline } = await engine.complete({ prompt, maxTokens: 1, ...plain }).result()
  return tokens / timeline.ttftMs! * 1000
}

/** One batch of sequences, from the moment the last prompt is done. */
export interface DecodeRun {
  /** All sequences together. */
  readonly tokensPerSec: number
  readonly stepMs: number
  /** Device idle between two steps. */
  readonly idleUsPerStep: number
  /** JavaScript and everything else between the device's steps and the caller's tokens: wall time of a step less `stepMs`. */
  readonly overheadMsPerStep: number
  readonly loopDelayP50Ms: number
  readonly loopDelayP99Ms: number
}

/** More than the bytes of one character, which wait for each other. */
const mostHeldTokens = 6

/** Called when the clock of `measureDecode` starts and stops. */
export interface ClockHooks {
  onStart (): void
  onStop (): void
  /** The event loop's delay is not watched: that takes a timer every millisecond, which is most of what JavaScript does. */
  readonly isUndisturbed?: boolean
}

/**
 * Decodes `batch` sequences at once. Prompts are computed in turn, so the first sequences are ahead when the last one
 * begins: each may go on for longer than `outputTokens`, and the clock runs while all of them do, until
 * batch x outputTokens tokens have come. Models of random weights fall into runs of tokens that have no text now and
 * then, and so come all at once: then other prompts are taken.
 */
export async function measureDecode (
  engine: Engine, batch: number, promptTokens: number, outputTokens: number, hooks?: ClockHooks
): Promise<DecodeRun> {
  for (let attempt = 0; attempt < 5; attempt++) {
    const run = await decodeOnce(engine, batch, promptTokens, outputTokens, hooks)
    if (run !== undefined) return run
  }
  throw new Error(`in five attempts there was always a sequence of ${batch} whose tokens did not come one by one`)
}

/** Undefined when a sequence's tokens did not come one by one. */
async function decodeOnce (
  engine: Engine, batch: number, promptTokens: number, outputTokens: number, hooks?: ClockHooks
): Promise<DecodeRun | undefined> {
  // Beside sequences that decode, a step may take no more than the smallest chunk of prompts.
  const chunkTokens = Math.max(1, Math.min(64, engine.info.options.maxBatchTokens - batch))
  const ahead = Math.ceil(batch * promptTokens / chunkTokens) + 8
  const prompts = Array.from({ length: batch }, () => randomPrompt(engine.info.spec.vocabSize, promptTokens))
  const wanted = batch * outputTokens
  const delay = monitorEventLoopDelay({ resolution: 1 })
  let waiting = batch
  let counted = 0
  let startMs = 0
  let endMs = 0
  let isSteady = true
  let before = engine.stats().steps
  let after = before
  const generations = prompts.map(prompt => engine.complete({ prompt, maxTokens: outputTokens + ahead, ...plain }))
  const consume = async (generation: (typeof generations)[number]) => {
    let isFirst = true
    for await (const chunk of generation) {
      if (endMs > 0) return
      if (chunk.tokenIds.length > mostHeldTokens) isSteady = false
      if (isFirst && --waiting === 0) {
        startMs = performance.now()
        before = engine.stats().steps
        if (hooks?.isUndisturbed !== true) delay.enable()
        hooks?.onStart()
      } else if (startMs > 0) counted += chunk.tokenIds.length
      isFirst = false
      if (counted < wanted) continue
      endMs = performance.now()
      after = engine.stats().steps
      delay.disable()
      hooks?.onStop()
      for (const other of generations) other.abort()
      return
    }
  }
  await Promise.all(generations.map(consume))
  delay.disable()
  if (endMs === 0 || !isSteady) return undefined
  const steps = after.steps - before.steps
  const stepMs = (after.busyMs - before.busyMs) / steps
  return {
    tokensPerSec: counted / (endMs - startMs) * 1000,
    stepMs,
    idleUsPerStep: (after.gapMs - before.gapMs) / steps * 1000,
    overheadMsPerStep: (endMs - startMs) / steps - stepMs,
    // The monitor counts its own 1 ms timer as delay.
    loopDelayP50Ms: Math.max(0, delay.percentile(50) / 1e6 - 1),
    loopDelayP99Ms: Math.max(0, delay.percentile(99) / 1e6 - 1)
  }
}

/** A prompt whose first `prefixTokens` were computed just before, with one more token behind them. */
export interface PrefixRun {
  /** Without the cache. */
  readonly coldTtftMs: number
  readonly warmTtftMs: number
  /** One decode step with that prompt in KV: the median gap between tokens. */
  readonly stepMs: number
  readonly cachedTokens: number
}

export async function measurePrefix (engine: Engine, prefixTokens: number): Promise<PrefixRun> {
  const { vocabSize } = engine.info.spec
  const prefix = randomPrompt(vocabSize, prefixTokens)
  const cold = await engine.complete({ prompt: [...prefix, 301], maxTokens: 1, ...plain }).result()
  const warm = await engine.complete({ prompt: [...prefix, 302], maxTokens: 1, ...plain }).result()
  const gaps: number[] = []
  let lastMs = NaN
  for await (const _ of engine.complete({ prompt: [...prefix, 303], maxTokens: 17, ...plain })) {
    const nowMs = performance.now()
    gaps.push(nowMs - lastMs)
    lastMs = nowMs
  }
  const sorted = gaps.slice(1).sort((a, b) => a - b)
  return {
    coldTtftMs: cold.timeline.ttftMs!,
    warmTtftMs: warm.timeline.ttftMs!,
    stepMs: sorted[sorted.length >> 1]!,
    cachedTokens: warm.usage.cachedTokens
  }
}
