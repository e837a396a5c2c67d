/** What a step costs on one engine, in ms, as a line through what was measured. */
export interface StepCosts {
  /** Of a step at all: the weights are read once. */
  readonly fixedMs: number
  /** Of each prompt token. */
  readonly prefillTokenMs: number
  /** Of each decoding sequence. */
  readonly decodeMs: number
  /** Of each token of context that a decoding sequence attends to. */
  readonly contextTokenMs: number
}

/** A 0.6B model in BF16 on two CPU cores; replaced by what the engine measures of its own steps. */
export const initialStepCosts: StepCosts = { fixedMs: 28, prefillTokenMs: 1.3, decodeMs: 1.2, contextTokenMs: 0.002 }

/** Duration of a step in ms; `contextTokens` summed over the decoding sequences. */
export function stepMs (costs: StepCosts, prefillTokens: number, decodes: number, contextTokens: number): number {
  return costs.fixedMs + costs.prefillTokenMs * prefillTokens + costs.decodeMs * decodes + costs.contextTokenMs * contextTokens
}
