import { initialStepCosts } from '../../src/profiler/step-costs.js'
import type { PolicyView } from '../../src/scheduler/policy.js'

/** What a policy sees of an idle engine. */
export function policyView (changes: Partial<PolicyView> = {}): PolicyView {
  return {
    nowMs: 0,
    costs: initialStepCosts,
    maxNumSeqs: 16,
    running: 0,
    waiting: 0,
    poolTokens: 16384,
    freeRatio: 1,
    contextTokens: 0,
    ...changes
  }
}
