import { InvalidParameterError } from '../core/errors.js'
import { StateReader, StateWriter } from './state-bytes.js'
import { initialStepCosts, stepMs, type StepCosts, type StepWork } from './step-costs.js'

const costNames = ['fixedMs', 'prefillTokenMs', 'decodeMs', 'contextTokenMs', 'prefillContextTokenMs'] as const satisfies ReadonlyArray<keyof StepCosts>
const size = costNames.length
/** What a step leaves of those of its kind before it: about the last 100 count. */
const memory = 0.99
/**
 * Squares of relative errors that the initial costs weigh: more for decoding sequences and their context, which
 * mostly grow together, so that steps can hardly tell one from the other.
 */
const ridges = Float64Array.of(0.01, 0.01, 0.05, 0.05, 0.01)
/** Steps that are slower by more than so many usual errors count in proportion to their size, not to its square: Huber 1964. */
const largestErrors = 3
const smallestUsualError = 0.02
const errorRate = 0.02
/** Of the initial costs, scaled to this engine, each cost is so much at least: others may divide by it. */
const smallestShare = 0.01
/** Of coordinate descent, each step; the next goes on where this one stopped. */
const sweeps = 8
const windowSteps = 256

const stateKind = 'step costs'
const stateLayout = `${stateKind} 2`

/** How well the next step's duration was foretold lately. */
export interface StepCostQuality {
  /** Steps in the window: 256 at most. */
  readonly steps: number
  /** Mean of |predicted - actual| / actual; and with its sign: above 0, predictions were too long. */
  readonly meanErrorRatio: number
  readonly biasRatio: number
}

/** Sums over steps of one kind: u uᵀ and u y, of what each cost share and the duration are in units of the prediction. */
class Sums {
  readonly products = new Float64Array(size * size)
  readonly targets = new Float64Array(size)

  add (shares: Float64Array, target: number, weight: number): void {
    const { products, targets } = this
    for (let i = 0; i < size; i++) {
      const scaled = weight * shares[i]!
      for (let j = 0; j < size; j++) products[size * i + j] = products[size * i + j]! * memory + scaled * shares[j]!
      targets[i] = targets[i]! * memory + scaled * target
    }
  }
}

/**
 * The costs of steps, fitted to an engine's own by recursive least squares on relative errors. What is
 * fitted are factors of the initial costs, all above 0, drawn to the ratio between the steps so far and
 * the initial costs: what was not seen yet is scaled like the rest. Steps with and without prompt tokens
 * are forgotten apart, so that long decoding does not wipe out what prompts cost. Constant time, and no
 * memory is taken.
 */
export class StepCostModel {
  readonly #costs: { -readonly [name in keyof StepCosts]: number }
  readonly #initial: Float64Array
  readonly #withPrefill = new Sums()
  readonly #decodeOnly = new Sums()
  /** (size,): times the initial costs. */
  readonly #factors = new Float64Array(size).fill(1)
  readonly #shares = new Float64Array(size)
  readonly #products = new Float64Array(size * size)
  /** Sums of (initial prediction x duration) and of its square: their quotient is how slow this engine is. */
  readonly #level = new Float64Array(2)
  #usualError = 0.5
  /** (windowSteps,): signed, relative; a ring. */
  readonly #errors = new Float64Array(windowSteps)
  #steps = 0
  #errorSum = 0
  #biasSum = 0

  constructor (initial: StepCosts = initialStepCosts) {
    this.#costs = { ...initial }
    this.#initial = Float64Array.from(costNames, name => initial[name])
    for (const name of costNames) {
      const cost = initial[name]
      if (!(Number.isFinite(cost) && cost > 0)) throw new InvalidParameterError(name, `${name} is ${cost}; an initial cost is above 0.`)
    }
  }

  /** @throws ProfilerStateError when the bytes are not what `toState` gave */
  static fromState (bytes: Uint8Array): StepCostModel {
    const reader = new StateReader(stateKind, stateLayout, bytes)
    const initial = Object.fromEntries(costNames.map(name => [name, reader.float64()])) as Record<keyof StepCosts, number>
    if (!Object.values(initial).every(cost => cost > 0)) throw reader.error('it holds costs of nothing')
    const model = new StepCostModel(initial)
    for (const values of model.#learnt()) reader.float64s(values)
    model.#usualError = reader.float64()
    reader.end()
    if (model.#factors.some(factor => factor < 0) || !(model.#usualError > 0)) throw reader.error('it holds negative costs')
    model.#write()
    return model
  }

  toState (): Uint8Array {
    const writer = new StateWriter()
    writer.float64s(this.#initial)
    for (const values of this.#learnt()) writer.float64s(values)
    writer.float64(this.#usualError)
    return writer.finish(stateLayout)
  }

  /** One object, rewritten by each step. */
  get costs (): StepCosts {
    return this.#costs
  }

  /** Takes in a step. */
  observe (work: StepWork, durationMs: number): void {
    const { prefillTokens, decodes, contextTokens, prefillContextTokens } = work
    checkAmount('prefillTokens', prefillTokens)
    checkAmount('decodes', decodes)
    checkAmount('contextTokens', contextTokens)
    checkAmount('prefillContextTokens', prefillContextTokens)
    checkAmount('durationMs', durationMs)
    if (durationMs === 0 || prefillTokens + decodes === 0) return
    const predictedMs = stepMs(this.#costs, work)
    this.#recordError((predictedMs - durationMs) / durationMs)

    // In units of the prediction, so that short and long steps weigh the same; of the duration where that is far off:
    // after a start that took long, the steps that follow would weigh nothing.
    const unitMs = Math.min(Math.max(predictedMs, durationMs / 4), 2 * durationMs)
    const shares = this.#shares
    const initial = this.#initial
    shares[0] = initial[0]! / unitMs
    shares[1] = initial[1]! * prefillTokens / unitMs
    shares[2] = initial[2]! * decodes / unitMs
    shares[3] = initial[3]! * contextTokens / unitMs
    shares[4] = initial[4]! * prefillContextTokens / unitMs
    const target = durationMs / unitMs
    const error = Math.abs(durationMs - predictedMs) / unitMs
    const limit = largestErrors * this.#usualError
    // A neighbour makes steps slower, nothing makes them faster than they are.
    const weight = error <= limit || durationMs < predictedMs ? 1 : limit / error
    this.#usualError = Math.max(smallestUsualError, this.#usualError + errorRate * (Math.min(error, limit) - this.#usualError))

    const sums = prefillTokens > 0 ? this.#withPrefill : this.#decodeOnly
    sums.add(shares, target, weight)
    const initialShare = shares[0] + shares[1] + shares[2] + shares[3] + shares[4]
    this.#level[0] = this.#level[0]! * memory + weight * initialShare * target
    this.#level[1] = this.#level[1]! * memory + weight * initialShare * initialShare
    this.#solve()
    this.#write()
  }

  /** Of the last 256 steps, each foretold before it was taken in; undefined before the first. */
  quality (): StepCostQuality | undefined {
    const steps = Math.min(this.#steps, windowSteps)
    if (steps === 0) return undefined
    return { steps, meanErrorRatio: this.#errorSum / steps, biasRatio: this.#biasSum / steps }
  }

  #learnt (): Float64Array[] {
    return [this.#withPrefill.products, this.#withPrefill.targets, this.#decodeOnly.products, this.#decodeOnly.targets, this.#factors, this.#level]
  }

  #recordError (error: number): void {
    const at = this.#steps++ % windowSteps
    // The place is 0 until it is used.
    this.#errorSum += Math.abs(error) - Math.abs(this.#errors[at]!)
    this.#biasSum += error - this.#errors[at]!
    this.#errors[at] = error
  }

  /** Least squares with the ridge, all above 0: one factor after the other, the others held. */
  #solve (): void {
    const level = this.#level[0]! / this.#level[1]!
    const { products: products1, targets: targets1 } = this.#withPrefill
    const { products: products2, targets: targets2 } = this.#decodeOnly
    const products = this.#products
    const factors = this.#factors
    for (let i = 0; i < size * size; i++) products[i] = products1[i]! + products2[i]!
    for (let sweep = 0; sweep < sweeps; sweep++) {
      for (let i = 0; i < size; i++) {
        let rest = targets1[i]! + targets2[i]! + ridges[i]! * level
        for (let j = 0; j < size; j++) rest -= products[size * i + j]! * factors[j]!
        const curvature = products[size * i + i]!
        factors[i] = Math.max(smallestShare * level, (rest + curvature * factors[i]!) / (curvature + ridges[i]!))
      }
    }
  }

  #write (): void {
    for (let i = 0; i < size; i++) this.#costs[costNames[i]!] = this.#factors[i]! * this.#initial[i]!
  }
}

function checkAmount (name: string, value: number): void {
  if (!Number.isFinite(value) || value < 0) throw new InvalidParameterError(name, `${name} is ${value}; it must be 0 or more.`)
}
