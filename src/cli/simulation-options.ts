import { loadAddon } from '../native/addon.js'
import type { SimulationOptions } from '../simulator/simulation.js'
import type { Machine } from '../simulator/workloads/index.js'

const blockTokens = 16

/** A pool that only counts, and the addon's keys where text is shared; without what an engine's options set beside the sizes. */
export function simulationOptions (machine: Omit<Machine, 'swap'>, hasPrefixCache: boolean, hostTokens = 0): SimulationOptions {
  const addon = loadAddon()
  const root = addon.prefixRoot(['simulation'])
  return {
    pool: addon.createKvPool(Math.max(1, Math.floor(machine.kvTokens / blockTokens)), blockTokens, Math.floor(hostTokens / blockTokens)),
    times: machine.times,
    maxNumSeqs: machine.maxNumSeqs,
    maxBatchTokens: machine.maxBatchTokens,
    maxSequenceTokens: machine.maxModelLen,
    ...hasPrefixCache && { prefix: { root, keysOf: (from: Uint8Array, ids: Int32Array) => addon.prefixKeys(from, ids, blockTokens) } }
  }
}
