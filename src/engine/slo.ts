import { OverloadedError, SloUnreachableError } from '../core/errors.js'
import type { Forecast } from '../scheduler/forecast.js'
import type { Slo } from '../scheduler/sequence.js'

/** @throws SloUnreachableError for the first of the times asked for that the forecast misses */
export function refuseMissedSlo (slo: Slo, forecast: Forecast): void {
  const { ttftMs = Infinity, deadlineMs = Infinity } = slo
  if (forecast.ttftMs > ttftMs) throw new SloUnreachableError('slo.ttftMs', ttftMs, forecast.ttftMs, forecast.ttftMs)
  if (forecast.e2eMs > deadlineMs) throw new SloUnreachableError('slo.deadlineMs', deadlineMs, forecast.e2eMs, forecast.ttftMs)
}

/**
 * A queue in which a request would wait in vain. What is not behind anybody is tried in any case: a forecast
 * that is wrong is put right by what then happens.
 *
 * @param patienceMs until its caller gives up, from now
 * @throws OverloadedError
 */
export function refuseInVain (patienceMs: number, forecast: Forecast): void {
  const { waitMs, ttftMs } = forecast
  if (waitMs === 0 || ttftMs <= patienceMs) return
  throw new OverloadedError('giveUp', `The answer would begin in ${(ttftMs / 1000).toFixed(1)} s, when its caller has given up (in ${(patienceMs / 1000).toFixed(1)} s).`,
    ttftMs - patienceMs)
}

/** What a request took. */
export interface Times {
  readonly ttftMs: number | undefined
  readonly e2eMs: number
  readonly toolMs: number
  readonly outputTokens: number
}

/** Whether every time asked for was met; undefined when none was asked for. While tools run, no token is due. */
export function isSloMet (slo: Slo, { ttftMs = Infinity, e2eMs, toolMs, outputTokens }: Times): boolean | undefined {
  if (slo.ttftMs === undefined && slo.tpotMs === undefined && slo.deadlineMs === undefined) return undefined
  const tpotMs = outputTokens > 1 ? (e2eMs - toolMs - ttftMs) / (outputTokens - 1) : 0
  return ttftMs <= (slo.ttftMs ?? Infinity) && tpotMs <= (slo.tpotMs ?? Infinity) && e2eMs <= (slo.deadlineMs ?? Infinity)
}
