// A trace on an engine, in its own process. Answers end where the trace says, which the scheduler does not know, as in
// simulation; predictions of lengths are the trace's.
import { Engine } from '../../src/engine/engine.js'
import type { EngineParts } from '../../src/engine/engine-model.js'
import { loadParts } from '../../src/engine/load.js'
import type { PartialEngineOptions } from '../../src/engine/options.js'
import { Profiling } from '../../src/engine/profiling.js'
import type { NativeModel } from '../../src/native/binding.js'
import { OnlineLengthPredictor } from '../../src/profiler/online-length-predictor.js'
import type { LengthPrediction } from '../../src/profiler/length-predictor.js'
import type { StepCostModel } from '../../src/profiler/step-cost-model.js'
import type { StepCosts } from '../../src/profiler/step-costs.js'
import type { LengthRequest } from '../../src/profiler/text-features.js'
import type { RequestResult } from '../../src/simulator/request-result.js'
import type { TraceRequest } from '../../src/simulator/trace-request.js'
import { plain, randomPrompt } from '../lib/engine-runs.js'

/** One turn of a request, as it is asked. */
interface Turn {
  readonly prompt: readonly number[]
  readonly outputTokens: number
  readonly predictedTokens: number | undefined
  readonly reservedTokens: number | undefined
}

/** What is known of the answers of turns that were asked. */
class KnownAnswers extends OnlineLengthPredictor {
  readonly #byPrompt = new Map<string, Turn>()
  readonly #byLimit = new Map<number, Turn>()
  #lastLimit = 1e9

  /** @returns the limit to ask with: far above any answer, and this turn's alone */
  add (turn: Turn): number {
    this.#byPrompt.set(keyOf(turn.prompt), turn)
    this.#byLimit.set(++this.#lastLimit, turn)
    return this.#lastLimit
  }

  override predict (request: LengthRequest): LengthPrediction {
    const prediction = super.predict(request)
    const turn = this.#byLimit.get(request.maxTokens ?? NaN)
    if (turn?.predictedTokens === undefined) return prediction
    return { ...prediction, expectedTokens: turn.predictedTokens, reservedTokens: turn.reservedTokens ?? turn.predictedTokens }
  }

  /** The model, which ends each known answer after its tokens. */
  ending (model: NativeModel): NativeModel {
    const openSlot: NativeModel['openSlot'] = (slot, params, promptIds, outputIds) => {
      const maxTokens = this.#byPrompt.get(keyOf(promptIds))?.outputTokens ?? params.maxTokens
      model.openSlot(slot, { ...params, maxTokens }, promptIds, outputIds)
    }
    return {
      kv: model.kv,
      memory: model.memory,
      exchange: model.exchange,
      fingerprint: model.fingerprint,
      maxRows: model.maxRows,
      maxTokens: model.maxTokens,
      maxLogprobs: model.maxLogprobs,
      openSlot,
      closeSlot: slot => { model.closeSlot(slot) },
      setMask: (slot, mask) => { model.setMask(slot, mask) },
      step: (numRows, input, output, done) => { model.step(numRows, input, output, done) },
      hiddenStates: () => model.hiddenStates(),
      stageTimes: () => model.stageTimes(),
      dispose: async () => { await model.dispose() }
    }
  }
}

/** Means of the fitted costs, over steps. */
class MeanCosts extends Profiling {
  #sums: Record<keyof StepCosts, number> = { ...noCosts }
  #steps = 0

  override stepEnded (...step: Parameters<Profiling['stepEnded']>): void {
    super.stepEnded(...step)
    this.#steps++
    for (const name of costNames) this.#sums[name] += this.stepCosts[name]
  }

  /** Since the last call. */
  take (): StepCosts {
    const mean = { ...noCosts }
    for (const name of costNames) mean[name] = this.#sums[name] / this.#steps
    this.#sums = { ...noCosts }
    this.#steps = 0
    return mean
  }
}

const noCosts = { fixedMs: 0, prefillTokenMs: 0, decodeMs: 0, contextTokenMs: 0, prefillContextTokenMs: 0 }
const costNames = Object.keys(noCosts) as Array<keyof StepCosts>

/** Prompts are random: their beginning tells them apart, and their length the turns of one request. */
function keyOf (ids: ArrayLike<number>): string {
  return [ids.length, ids[0], ids[1], ids[2], ids[3]].join()
}

export interface TraceRun {
  readonly requests: readonly RequestResult[]
  /** The trace as it was sent: timers are late now and then. */
  readonly sent: readonly TraceRequest[]
  /** As they were fitted, on average over its steps. */
  readonly stepCosts: StepCosts
  readonly durationMs: number
  readonly steps: number
  /** On the device, and what it waited for JavaScript between two steps. */
  readonly busyMs: number
  readonly gapMs: number
  /** Share of the time in which the JavaScript thread did anything, the engine's work included; and the part of it that this load took. */
  readonly javaScriptRatio: number
  readonly loadRatio: number
  /** Processor time of this process, in cores. */
  readonly cores: number
}

export class TracedEngine {
  readonly engine: Engine
  readonly #answers: KnownAnswers
  readonly #profiling: MeanCosts
  /** Time of the JavaScript thread that is not the engine's. */
  #ownMs = 0

  private constructor (parts: EngineParts, costs: StepCostModel) {
    this.#answers = new KnownAnswers()
    this.#profiling = new MeanCosts(this.#answers, costs)
    this.engine = new Engine({ ...parts, model: this.#answers.ending(parts.model), profiling: this.#profiling })
  }

  /** @param costs goes on learning: engines of one model share it */
  static async load (model: string, options: PartialEngineOptions, costs: StepCostModel): Promise<TracedEngine> {
    return new TracedEngine(await loadParts(model, options, {}), costs)
  }

  /** Open loop: requests go out at their times. A request goes on after a tool as a new one with a longer prompt. */
  async run (trace: readonly TraceRequest[]): Promise<TraceRun> {
    const { engine } = this
    engine.clearPrefixCache()
    this.#profiling.take()
    this.#ownMs = 0
    const before = engine.stats().steps
    const cpu = process.cpuUsage()
    const loop = performance.eventLoopUtilization()
    const startMs = performance.now()
    const requests = await Promise.all(trace.map(async (request, index) => {
      await sleep(startMs + request.arrivalMs - performance.now())
      return await this.#ask(request, index, startMs)
    }))
    const durationMs = performance.now() - startMs
    const { user, system } = process.cpuUsage(cpu)
    const after = engine.stats().steps
    return {
      requests,
      sent: trace.map((request, index) => ({ ...request, arrivalMs: requests[index]!.arrivalMs })).sort((a, b) => a.arrivalMs - b.arrivalMs),
      stepCosts: this.#profiling.take(),
      durationMs,
      steps: after.steps - before.steps,
      busyMs: after.busyMs - before.busyMs,
      gapMs: after.gapMs - before.gapMs,
      loadRatio: this.#ownMs / durationMs,
      javaScriptRatio: performance.eventLoopUtilization(loop).utilization,
      cores: (user + system) / 1000 / durationMs
    }
  }

  async #ask (request: TraceRequest, index: number, startMs: number): Promise<RequestResult> {
    const { vocabSize } = this.engine.info.spec
    const { outputTokens, predictedTokens, reservedTokens, tools = [], slo = {} } = request
    let fromMs = performance.now()
    let prompt = randomPrompt(vocabSize, request.promptTokens)
    const sentMs = performance.now()
    let [ttftMs, queueMs, toolMs, preemptions, cachedTokens, output] = [NaN, 0, 0, 0, 0, 0]
    for (let turn = 0; ; turn++) {
      const tool = tools[turn]
      const known: Turn = { prompt, outputTokens: tool?.tokens ?? outputTokens, predictedTokens, reservedTokens }
      const maxTokens = this.#answers.add(known)
      const nowMs = performance.now()
      this.#ownMs += nowMs - fromMs
      const { timeline, usage, choices } = await this.engine.complete({
        prompt, maxTokens, slo: turn === 0 ? slo : laterSlo(slo, nowMs - sentMs), ...plain
      }).result()
      if (turn === 0) [ttftMs, cachedTokens] = [timeline.ttftMs!, usage.cachedTokens]
      queueMs += timeline.queueMs
      preemptions += timeline.preemptions
      output += usage.completionTokens
      if (tool === undefined) break
      await sleep(tool.durationMs)
      fromMs = performance.now()
      toolMs += tool.durationMs
      prompt = [...prompt, ...choices[0]!.tokenIds, ...randomPrompt(vocabSize, tool.resultTokens)]
    }
    return {
      index,
      arrivalMs: sentMs - startMs,
      promptTokens: request.promptTokens,
      outputTokens: output,
      slo,
      failure: undefined,
      ttftMs,
      e2eMs: performance.now() - sentMs,
      queueMs,
      toolMs,
      preemptions,
      cachedTokens
    }
  }
}

/** After a tool the first token has been seen, and the deadline comes nearer. */
function laterSlo ({ tpotMs, deadlineMs }: NonNullable<TraceRequest['slo']>, passedMs: number): NonNullable<TraceRequest['slo']> {
  return { ...tpotMs !== undefined && { tpotMs }, ...deadlineMs !== undefined && { deadlineMs: Math.max(1, deadlineMs - passedMs) } }
}

async function sleep (ms: number): Promise<void> {
  if (ms > 0) await new Promise(resolve => { setTimeout(resolve, ms) })
}
