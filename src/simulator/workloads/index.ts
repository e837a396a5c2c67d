import { linearTimes, type StepTimes } from '../step-times.js'
import type { TraceRequest } from '../trace-request.js'
import { initialStepCosts } from '../../profiler/step-costs.js'
import type { SwapCosts } from '../../scheduler/min-waste.js'
import { augservePoolTokens, augserveSwapTokenMs, augserveTimes, augserveTrace } from './augserve.js'
import { chatTrace, type WorkloadOptions } from './chat.js'
import { proteusTimes, proteusTrace } from './proteus.js'
import { uellmTimes, uellmTrace } from './uellm.js'

/** The engine that a workload is meant for. */
export interface Machine {
  readonly times: StepTimes
  readonly maxNumSeqs: number
  readonly maxBatchTokens: number
  readonly maxModelLen: number
  readonly kvTokens: number
  /** Between the KV cache and the host tier. */
  readonly swap: SwapCosts
}

/** A 0.6B model in BF16 on two CPU cores, as `millrace serve` sets it up; its KV takes 112 KiB a token, which are copied at 10 GB/s. */
export const defaultMachine: Machine = {
  times: linearTimes(initialStepCosts),
  maxNumSeqs: 32,
  maxBatchTokens: 256,
  maxModelLen: 32_768,
  kvTokens: 131_072,
  swap: { tokenMs: 0.0115, hiddenRatio: 0 }
}
/** KV of half a megabyte a token over PCIe 4. */
const gpuSwap: SwapCosts = { tokenMs: 0.02, hiddenRatio: 0.8 }
const chatGlm: Machine = { times: uellmTimes, maxNumSeqs: 32, maxBatchTokens: 512, maxModelLen: 4096, kvTokens: 131_072, swap: gpuSwap }
const azure: Machine = { times: proteusTimes, maxNumSeqs: 256, maxBatchTokens: 8192, maxModelLen: 4096, kvTokens: 1_048_576, swap: gpuSwap }
const a100: Machine = {
  times: augserveTimes,
  maxNumSeqs: 256,
  maxBatchTokens: 512,
  maxModelLen: 8192,
  kvTokens: augservePoolTokens,
  swap: { tokenMs: augserveSwapTokenMs, hiddenRatio: 0.8 }
}

export interface Workload {
  readonly description: string
  readonly machine: Machine
  /** Requests a second, when nobody says. */
  readonly ratePerSec: number
  trace (options: WorkloadOptions): TraceRequest[]
}

export const workloads = {
  poisson: {
    description: 'chat requests that come independently of each other', machine: defaultMachine, ratePerSec: 0.5, trace: options => chatTrace(options)
  },
  bursts: {
    description: 'the same with five times the rate in ten seconds of each minute', machine: defaultMachine, ratePerSec: 0.5, trace: options => chatTrace(options, true)
  },
  uellm: {
    description: 'deadlines from 1 s to 350 s, on a 6B model of one GPU (UELLM)', machine: chatGlm, ratePerSec: 8, trace: uellmTrace
  },
  augserve: {
    description: 'calls of six kinds of tools from 0.1 ms to 28 s, on a 13B model of one A100 (AugServe)', machine: a100, ratePerSec: 6, trace: augserveTrace
  },
  proteus: {
    description: 'answers of 50 tokens over links from 20 ms to 2 s, a third more than the GPU can do (Proteus)', machine: azure, ratePerSec: 50, trace: proteusTrace
  }
} satisfies Record<string, Workload>

export type WorkloadName = keyof typeof workloads
export const workloadNames = Object.keys(workloads) as WorkloadName[]
