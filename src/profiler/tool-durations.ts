import { InvalidParameterError } from '../core/errors.js'
import { StateReader, StateWriter } from './state-bytes.js'

/** Of a tool that was never seen. */
const priorMs = 1000
const weightOfNewest = 0.2
const maxNames = 4096
const maxNameChars = 256
/** Durations in [2^(i-1), 2^i) ms, the first from 0, the last (from 1.2 h) without an end. */
const numBins = 24
/** What each duration leaves of those before it: about the last 200 count. */
const memory = 0.995
/** How many durations the assumption weighs that a wait goes on for as long again, or for the mean. */
const priorWeight = 1

const stateKind = 'durations of tools'
const stateLayout = `${stateKind} 1: ${numBins}`

interface Tool {
  meanMs: number
  /** (2 * numBins,): how many durations in each bin, decayed, then the sums of them in ms. */
  readonly bins: Float32Array
}

/** How long calls of each tool take, learnt from those that came back. Tools that were not called for longest are forgotten. */
export class ToolDurations {
  /** The least recently observed first. */
  readonly #tools = new Map<string, Tool>()

  /** @throws ProfilerStateError when the bytes are not what `toState` gave */
  static fromState (bytes: Uint8Array): ToolDurations {
    const durations = new ToolDurations()
    const reader = new StateReader(stateKind, stateLayout, bytes)
    const count = reader.uint32()
    if (count > maxNames) throw reader.error(`it holds ${count} tools, more than ${maxNames}`)
    for (let i = 0; i < count; i++) {
      const name = reader.text()
      const tool: Tool = { meanMs: reader.float64(), bins: new Float32Array(2 * numBins) }
      reader.float32s(tool.bins)
      if (tool.meanMs < 0 || tool.bins.some(value => value < 0)) throw reader.error('it holds negative durations')
      durations.#tools.set(name, tool)
    }
    reader.end()
    return durations
  }

  toState (): Uint8Array {
    const writer = new StateWriter()
    writer.uint32(this.#tools.size)
    for (const [name, { meanMs, bins }] of this.#tools) {
      writer.text(name)
      writer.float64(meanMs)
      writer.float32s(bins)
    }
    return writer.finish(stateLayout)
  }

  /** Tools that are known. */
  get size (): number {
    return this.#tools.size
  }

  /** A call came back after `durationMs`. */
  observe (name: string, durationMs: number): void {
    checkMs('durationMs', durationMs)
    const key = name.slice(0, maxNameChars)
    const tool = this.#tools.get(key) ?? { meanMs: durationMs, bins: new Float32Array(2 * numBins) }
    tool.meanMs += weightOfNewest * (durationMs - tool.meanMs)
    for (let i = 0; i < tool.bins.length; i++) tool.bins[i]! *= memory
    const bin = binOf(durationMs)
    tool.bins[bin]!++
    tool.bins[numBins + bin]! += durationMs
    this.#tools.delete(key)
    this.#tools.set(key, tool)
    if (this.#tools.size > maxNames) this.#tools.delete(this.#tools.keys().next().value!)
  }

  /** How long a call that begins now will take. */
  expectedMs (name: string): number {
    return this.#tools.get(name.slice(0, maxNameChars))?.meanMs ?? priorMs
  }

  /**
   * How much longer a call will take that has taken `waitedMs`: the mean of what remained of the calls
   * that took longer. Beyond all of them as long again as it took, so that one that hangs is not
   * expected back at any moment for ever.
   */
  remainingMs (name: string, waitedMs: number): number {
    checkMs('waitedMs', waitedMs)
    const tool = this.#tools.get(name.slice(0, maxNameChars))
    const meanMs = tool?.meanMs ?? priorMs
    if (waitedMs === 0) return meanMs
    let survivors = 0
    let restMs = 0
    for (let bin = binOf(waitedMs); tool !== undefined && bin < numBins; bin++) {
      const count = tool.bins[bin]!
      if (count === 0) continue
      const share = bin === binOf(waitedMs) ? shareAbove(bin, waitedMs) : 1
      const binMeanMs = share === 1 ? tool.bins[numBins + bin]! / count : (waitedMs + edgeMs(bin)) / 2
      survivors += share * count
      restMs += share * count * (binMeanMs - waitedMs)
    }
    return (restMs + priorWeight * Math.max(meanMs, waitedMs)) / (survivors + priorWeight)
  }
}

function binOf (ms: number): number {
  return ms < 1 ? 0 : Math.min(numBins - 1, 1 + Math.floor(Math.log2(ms)))
}

/** The end of a bin. */
function edgeMs (bin: number): number {
  return 2 ** bin
}

/** Of a bin's calls, those that took longer than `ms`, if they are spread evenly. */
function shareAbove (bin: number, ms: number): number {
  const lowMs = bin === 0 ? 0 : edgeMs(bin - 1)
  return Math.max(0, (edgeMs(bin) - ms) / (edgeMs(bin) - lowMs))
}

function checkMs (name: string, value: number): void {
  if (!Number.isFinite(value) || value < 0) throw new InvalidParameterError(name, `${name} is ${value}; a duration is 0 or more.`)
}
