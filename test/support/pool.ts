import { loadAddon } from '../../src/native/addon.js'

/** The one allocator, here without storage. */
export const createPool = (totalBlocks: number, blockTokens: number, hostBlocks = 0) =>
  loadAddon().createKvPool(totalBlocks, blockTokens, hostBlocks)

export const prefixRoot = (parts: readonly string[]) => loadAddon().prefixRoot(parts)

export const prefixKeys = (root: Uint8Array, tokenIds: Int32Array, blockTokens: number) =>
  loadAddon().prefixKeys(root, tokenIds, blockTokens)
