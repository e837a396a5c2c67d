import { promptMs, type StepCosts } from '../profiler/step-costs.js'

export type WaitAction = 'keep' | 'swap' | 'discard'

/** What moving KV between device and host costs. */
export interface SwapCosts {
  /** One direction, per token. */
  readonly tokenMs: number
  /** Share of the copy that runs beside steps (0 to 1). */
  readonly hiddenRatio: number
}

export interface WaitInput {
  /** Tokens whose KV waits. */
  readonly contextTokens: number
  /** How long, as far as can be expected. */
  readonly waitMs: number
  /** KV tokens of running sequences, which a long recomputation or copy delays. */
  readonly otherTokens: number
  readonly costs: StepCosts
  readonly swap: SwapCosts
  /** Tokens that the host tier can take now. */
  readonly hostFreeTokens: number
}

/** Memory that each way of waiting wastes, in token-milliseconds. Infinity = cannot be done. */
export interface Waste {
  readonly keep: number
  readonly swap: number
  readonly discard: number
}

/**
 * KV that is held while nothing is computed with it is wasted; so is what a recomputation or a copy
 * holds, and what it makes others hold longer. Recomputation is chunked: it delays others by its own
 * work, not by a whole forward pass.
 *
 * InferCept (Abhyankar et al. 2024, arXiv:2402.01869), its waste equations, with the hidden share of
 * the copy as a factor.
 */
export function waste ({ contextTokens, waitMs, otherTokens, costs, swap, hostFreeTokens }: WaitInput): Waste {
  const stallMs = promptMs(costs, 0, contextTokens)
  const forwardMs = costs.fixedMs + stallMs
  const copyMs = swap.tokenMs * contextTokens
  const canSwap = contextTokens <= hostFreeTokens && waitMs > 2 * copyMs
  return {
    keep: contextTokens * waitMs,
    swap: canSwap ? copyMs * contextTokens + 2 * copyMs * (1 - swap.hiddenRatio) * otherTokens : Infinity,
    discard: forwardMs * contextTokens / 2 + stallMs * otherTokens
  }
}

/** The way that wastes least; of equals, the one that moves least. */
export function leastWaste (input: WaitInput): WaitAction {
  if (input.contextTokens === 0) return 'discard'
  const { keep, swap, discard } = waste(input)
  if (keep <= swap && keep <= discard) return 'keep'
  return swap <= discard ? 'swap' : 'discard'
}
