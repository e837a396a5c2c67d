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
  /** Of each token that a prompt token attends to: what stands before it, and itself. */
  readonly prefillContextTokenMs: number
}

/** A 0.6B model in BF16 on two CPU cores; replaced by what the engine measures of its own steps. */
export const initialStepCosts: StepCosts = { fixedMs: 28, prefillTokenMs: 1.3, decodeMs: 1.2, contextTokenMs: 0.002, prefillContextTokenMs: 0.0004 }

/** What there is to compute in a step. */
export interface StepWork {
  readonly prefillTokens: number
  readonly decodes: number
  /** Tokens that are attended to, summed over the decoding sequences. */
  readonly contextTokens: number
  /** The same summed over the prompt tokens; see `promptContext`. */
  readonly prefillContextTokens: number
}

/** Duration of a step in ms. */
export function stepMs (costs: StepCosts, work: StepWork): number {
  return decodeStepMs(costs, work.decodes, work.contextTokens) +
    costs.prefillTokenMs * work.prefillTokens + costs.prefillContextTokenMs * work.prefillContextTokens
}

/** Duration of a step without prompts. */
export function decodeStepMs (costs: StepCosts, decodes: number, contextTokens: number): number {
  return costs.fixedMs + costs.decodeMs * decodes + costs.contextTokenMs * contextTokens
}

/** What prompt tokens at [position, position + count) of their sequence attend to, all together. */
export function promptContext (position: number, count: number): number {
  return count * (position + (count + 1) / 2)
}

/** What those tokens add to the steps that compute them. */
export function promptMs (costs: StepCosts, position: number, count: number): number {
  return costs.prefillTokenMs * count + costs.prefillContextTokenMs * promptContext(position, count)
}

/** The most prompt tokens from `position` on that add at most `ms`. */
export function promptTokensWithin (costs: StepCosts, position: number, ms: number): number {
  if (ms <= 0) return 0
  // promptMs = a n + b n²; this form of its root is exact for b = 0 too.
  const b = costs.prefillContextTokenMs / 2
  const a = costs.prefillTokenMs + costs.prefillContextTokenMs * position + b
  return Math.floor(2 * ms / (a + Math.sqrt(a * a + 4 * b * ms)))
}
