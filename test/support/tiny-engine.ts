import { fileURLToPath } from 'node:url'
import { Engine } from '../../src/engine/engine.js'
import type { EngineParts } from '../../src/engine/engine-model.js'
import { loadParts } from '../../src/engine/load.js'
import type { PartialEngineOptions } from '../../src/engine/options.js'
import { Profiling } from '../../src/engine/profiling.js'
import { blockTokens } from '../../src/engine/resolved-options.js'
import type { StepCosts } from '../../src/profiler/step-costs.js'

/** A Qwen3 of two layers with random weights in F32; vocabulary 320, context 256. */
export const tinyModel = fileURLToPath(new URL('../fixtures/models/qwen3', import.meta.url))
export const vocabSize = 320

/** Steps seem to cost 11 ms and a drafted token 1 ms, whatever they do: drafts are worth trying. */
export class DraftingIsCheap extends Profiling {
  override get stepCosts (): StepCosts {
    return { fixedMs: 10, decodeMs: 1, prefillTokenMs: 1, contextTokenMs: 0, prefillContextTokenMs: 0 }
  }
}

/** F32 keys and values: 2 x 2 layers x 2 heads x 32. */
const kvBytesPerToken = 2 * 2 * 2 * 32 * 4

/** The tiny model on the scalar kernels, whose results do not depend on the batch. */
export async function loadTinyEngine (
  options: PartialEngineOptions & { kvBlocks?: number, kvHostBlocks?: number } = {}, extra: Partial<EngineParts> = {}
): Promise<Engine> {
  const { kvBlocks, kvHostBlocks, ...rest } = options
  const memory = {
    ...kvBlocks === undefined ? {} : { kvCacheMemory: kvBlocks * blockTokens * kvBytesPerToken },
    ...kvHostBlocks === undefined ? {} : { kvSwapMemory: kvHostBlocks * blockTokens * kvBytesPerToken }
  }
  const parts = await loadParts(tinyModel, { kernels: 'scalar', threads: 1, maxNumSeqs: 8, seed: 1, ...memory, ...rest }, {})
  return new Engine({ ...parts, ...extra })
}
