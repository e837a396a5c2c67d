/** What there is to know when a plan is sized. */
export interface BudgetInput {
  readonly nowMs: number
  /** The most tokens that a step can take. */
  readonly maxBatchTokens: number
  /** Sequences that will decode in this plan, and the tokens of context that they attend to. */
  readonly decodes: number
  readonly contextTokens: number
}

/** Tokens of the next plan: 1 to `maxBatchTokens`. */
export type TokenBudget = (input: BudgetInput) => number

export const fullBudget: TokenBudget = input => input.maxBatchTokens
