import { prefixKeys, prefixRoot, StandinPool } from './standin-pool.js'

export const createPool = (totalBlocks: number, blockTokens: number) => new StandinPool(totalBlocks, blockTokens)
export { prefixKeys, prefixRoot }
