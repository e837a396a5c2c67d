// Ends of the ranges that times and amounts are counted in. Where vLLM has a metric of the same meaning they
// are its own, so that dashboards made for it show the same quantiles.

/** Seconds. */
export const ttftBounds = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560
] as const
export const interTokenBounds = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80] as const
export const latencyBounds = [
  0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680
] as const
/** Tokens. */
export const stepTokenBounds = [1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384] as const

// Ours alone, in seconds.
export const stepBounds = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10] as const
export const predictionBounds = [5e-6, 10e-6, 20e-6, 50e-6, 100e-6, 200e-6, 500e-6, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1] as const
export const forecastBounds = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600] as const
export const toolBounds = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600] as const

/** 1, 2, 5, 10, 20, 50, ... up to `most`. */
export function oneTwoFive (most: number): number[] {
  const bounds: number[] = []
  for (let power = 1; power <= most; power *= 10) bounds.push(...[power, 2 * power, 5 * power].filter(bound => bound <= most))
  return bounds
}
