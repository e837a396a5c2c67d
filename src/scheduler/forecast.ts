import { decodeStepMs, promptMs } from '../profiler/step-costs.js'
import type { PolicyView } from './policy.js'

/** Work that stands before a sequence. */
export interface WorkAhead {
  /** Of sequences that wait before it: prompt tokens, expected output tokens, and how many they are. */
  readonly promptTokens: number
  readonly outputTokens: number
  readonly sequences: number
  /** Of running sequences: prompt tokens to compute, expected output tokens to come. */
  readonly runningPromptTokens: number
  readonly runningOutputTokens: number
}

/** When a sequence would run if nothing else came, in ms from now. */
export interface Forecast {
  /** Until it is admitted. */
  readonly waitMs: number
  /** Until its first token. */
  readonly ttftMs: number
  /** Until its last token. */
  readonly e2eMs: number
}

/**
 * The engine as a fluid: slots are served by full steps, which compute all prompts ahead of it, and each
 * slot is free for the next when the output of its sequence is out. Arrivals after it are not known.
 *
 * @param maxResidentSeqs sequences that are admitted at most: more than slots share these between them
 */
export function forecast (
  promptTokens: number, outputTokens: number, ahead: WorkAhead, view: PolicyView, maxResidentSeqs = view.maxNumSeqs
): Forecast {
  const { costs, maxNumSeqs } = view
  const others = ahead.sequences + view.running
  const slots = Math.min(maxNumSeqs, others + 1)
  const perSequence = others === 0 ? 0 : (view.contextTokens + ahead.promptTokens) / Math.max(1, view.running + ahead.sequences)
  const stepTimeMs = decodeStepMs(costs, slots, perSequence * slots)
  // A slot must be free, and so must those of everybody before it.
  const missing = Math.max(0, others + 1 - maxResidentSeqs)
  const outputAhead = ahead.outputTokens + ahead.runningOutputTokens
  const meanPrompt = ahead.sequences === 0 ? 0 : ahead.promptTokens / ahead.sequences
  const prefillAheadMs = ahead.sequences * promptMs(costs, 0, meanPrompt) + promptMs(costs, 0, ahead.runningPromptTokens)
  const queueMs = missing === 0 ? 0 : (outputAhead / others * missing / maxNumSeqs) * stepTimeMs
  const waitMs = queueMs + (missing === 0 ? prefillAheadMs : prefillAheadMs * missing / others)
  const ttftMs = waitMs + promptMs(costs, 0, promptTokens) + stepTimeMs
  const turns = Math.max(1, Math.min(others + 1, maxResidentSeqs) / maxNumSeqs)
  return { waitMs, ttftMs, e2eMs: ttftMs + Math.max(0, outputTokens - 1) * stepTimeMs * turns }
}
