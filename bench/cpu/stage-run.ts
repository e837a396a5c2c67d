// Where the device's time in a step goes, measured in this process.
import type { Engine } from '../../src/engine/engine.js'
import type { NativeModel, StageTime } from '../../src/native/binding.js'
import { measureDecode, measurePrefill } from '../lib/engine-runs.js'
import type { StagedWork } from './engine-jobs.js'

const prompts = 3

/** Sums over `steps` steps. */
export interface StagesRun {
  readonly steps: number
  readonly busyMs: number
  readonly stages: readonly StageTime[]
}

/** @param model the engine's own, loaded with `stageTimes` */
export async function measureStages (engine: Engine, model: NativeModel, work: StagedWork): Promise<StagesRun> {
  let before = engine.stats().steps
  let after = before
  let stages: readonly StageTime[] = []
  const onStart = () => {
    before = engine.stats().steps
    model.stageTimes()
  }
  const onStop = () => {
    after = engine.stats().steps
    stages = model.stageTimes()
  }
  if (work.kind === 'decode') {
    await measureDecode(engine, work.batch, work.promptTokens, work.outputTokens, { onStart, onStop })
  } else {
    await measurePrefill(engine, work.tokens)
    onStart()
    for (let i = 0; i < prompts; i++) await measurePrefill(engine, work.tokens)
    onStop()
  }
  return { steps: after.steps - before.steps, busyMs: after.busyMs - before.busyMs, stages }
}
