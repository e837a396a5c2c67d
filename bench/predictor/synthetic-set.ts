// Prompts whose answers' lengths are drawn from known distributions, so that the best possible result is known.
import { numBuckets, upperEdge } from '../../src/profiler/length-buckets.js'
import type { LengthRequest } from '../../src/profiler/text-features.js'
import { Random } from '../../test/support/random.js'

/** Each in three wordings; usually the first is meant. */
const instructions = [
  ['Write a story about', 'Tell me a tale of', 'Please invent a story with'],
  ['Summarize the article on', 'What is the gist of this text about', 'Give a summary of the report on'],
  ['Translate this sentence about', 'How do you say this in French:', 'Please translate the line on'],
  ['Explain how people came to', 'Why did people begin with', 'Explain the history of'],
  ['List ideas for', 'Give me a list of', 'What are some ideas about'],
  ['Classify the mood of a text on', 'Is this review good or bad:', 'Label the mood of'],
  ['Write code that models', 'Give me a program for', 'Implement a class for'],
  ['Answer yes or no about', 'Is it true what they say of', 'True or false:'],
  ['Compare two views on', 'What speaks for and against', 'Give both sides of'],
  ['Draft an email about', 'Write a letter on', 'Please draft a message on'],
  ['Solve the exercise on', 'Compute the result for', 'Work out the numbers for'],
  ['Name one fact about', 'What is known of', 'Give me one fact on']
]
/** Before the instruction or after it. */
const modifiers = ['', 'in one sentence', 'in full detail', 'step by step', 'as briefly as possible']
const topics = ('rivers bread winter music trains gardens chess coffee bridges planets horses markets castles winds paper glass sailing '
  + 'football poetry taxes engines clouds spices theatre maps clocks islands wool honey lanterns').split(' ')

/** A request and the bucket of its answer. */
export interface Sample {
  readonly request: LengthRequest
  readonly cell: number
  readonly bucket: number
  readonly tokens: number
}

/** What a predictor that knew the distributions would reach. */
export interface BayesLimits {
  readonly top1: number
  readonly within1: number
  readonly logLoss: number
}

export class SyntheticSet {
  readonly #random: Random
  readonly #wordings: number
  /** (instructions x modifiers, numBuckets) */
  readonly #cells: Float64Array[]

  /** @param wordings 1, so that the ends of a text name its cell, or up to 3 with modifiers at either end */
  constructor (seed: number, wordings = 1) {
    this.#wordings = wordings
    this.#random = new Random(seed)
    this.#cells = instructions.flatMap((_, type) => this.#typeCells(type % numBuckets))
  }

  /** Other lengths from now on for some instructions: each moves by three buckets or more. */
  drift (types: readonly number[]): void {
    for (const type of types) {
      const moved = this.#typeCells((type + 4) % numBuckets)
      this.#cells.splice(type * modifiers.length, modifiers.length, ...moved)
    }
  }

  next (): Sample {
    const random = this.#random
    const type = random.integer(0, instructions.length - 1)
    const modifier = random.integer(0, modifiers.length - 1)
    const cell = type * modifiers.length + modifier
    const words = Array.from({ length: random.integer(1, 6) }, () => random.pick(topics))
    const body = `${instructions[type]![random.integer(1, this.#wordings) - 1]!} ${words.join(' ')}`
    const text = this.#wordings === 1 || random.chance(0.5) ? `${body} ${modifiers[modifier]!}`.trim() : `${modifiers[modifier]!} ${body}`.trim()
    const bucket = draw(this.#cells[cell]!, random.next())
    const low = bucket === 0 ? 1 : upperEdge(bucket - 1)
    return { request: { text, promptTokens: 10 + Math.ceil(text.length / 4), maxTokens: 4096 }, cell, bucket, tokens: random.integer(low, upperEdge(bucket) - 1) }
  }

  limits (): BayesLimits {
    const sums = { top1: 0, within1: 0, logLoss: 0 }
    for (const cell of this.#cells) {
      sums.top1 += Math.max(...cell)
      sums.within1 += Math.max(...cell.map((p, k) => p + (cell[k - 1] ?? 0) + (cell[k + 1] ?? 0)))
      sums.logLoss -= cell.reduce((sum, p) => p === 0 ? sum : sum + p * Math.log(p), 0)
    }
    const { length } = this.#cells
    return { top1: sums.top1 / length, within1: sums.within1 / length, logLoss: sums.logLoss / length }
  }

  #typeCells (base: number): Float64Array[] {
    return modifiers.map(() => {
      const centre = Math.min(numBuckets - 1, Math.max(0, base + this.#random.integer(-1, 1)))
      return distribution(centre, this.#random)
    })
  }
}

/** About two thirds on one bucket, the rest beside it and more on one side. At the ends, both sides are one. */
function distribution (centre: number, random: Random): Float64Array {
  const cell = new Float64Array(numBuckets)
  const peak = 0.606 + 0.1 * random.next()
  const near = 0.7 * (0.986 - peak)
  const far = 0.3 * (0.986 - peak)
  const side = centre === 0 ? 1 : centre === numBuckets - 1 ? -1 : random.chance(0.5) ? 1 : -1
  const at = (offset: number, share: number) => {
    const bucket = centre + side * offset
    cell[bucket < 0 || bucket >= numBuckets ? centre - side * offset : bucket]! += share
  }
  at(0, peak)
  at(1, near)
  at(-1, far)
  at(2, 0.007)
  at(-2, 0.007)
  return cell
}

function draw (cell: Float64Array, uniform: number): number {
  let rest = uniform
  for (let bucket = 0; bucket < cell.length; bucket++) {
    rest -= cell[bucket]!
    if (rest < 0) return bucket
  }
  return cell.indexOf(Math.max(...cell))
}
