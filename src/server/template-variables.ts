import { Type } from 'typebox'

/** How much a model is to think, as clients ask for it. */
export const reasoningEfforts = Type.Enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'])

/** Templates of models that think look at the effort, or at a switch of their own. What the request gives goes before both. */
export function templateVariables (effort: string | null | undefined, given: object | undefined): Readonly<Record<string, unknown>> | undefined {
  if (effort == null) return given as Readonly<Record<string, unknown>> | undefined
  return { reasoning_effort: effort, ...effort === 'none' ? { enable_thinking: false } : {}, ...given }
}
