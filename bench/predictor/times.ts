import { OnlineLengthPredictor } from '../../src/profiler/online-length-predictor.js'
import { median } from '../lib/statistics.js'
import { SyntheticSet } from './synthetic-set.js'

export interface PredictorTimes {
  readonly prompt: string
  readonly predictUs: number
  readonly learnUs: number
}

const batches = 21
const batchSize = 200

/** Medians of batches, of prompts of three sizes. */
export function measureTimes (): PredictorTimes[] {
  const set = new SyntheticSet(1)
  const many = Array.from({ length: 2000 }, () => set.next().request.text)
  const prompts: Array<[string, (index: number) => string]> = [
    ['one line', index => many[index % many.length]!],
    // English has a new word in every second one.
    ['4 kB of text', index => longText(index, 4000)],
    ['1 MB of text', index => longText(index % 4, 1_000_000)]
  ]
  return prompts.map(([prompt, textOf]) => ({ prompt, ...timesOf(textOf) }))
}

function timesOf (textOf: (index: number) => string): { predictUs: number, learnUs: number } {
  const predictor = new OnlineLengthPredictor()
  const predictUs: number[] = []
  const learnUs: number[] = []
  for (let batch = 0; batch < batches; batch++) {
    const requests = Array.from({ length: batchSize }, (_, index) => ({ text: textOf(batch * batchSize + index), promptTokens: 100, systemPrompt: 'You are a helpful assistant.' }))
    const startMs = performance.now()
    const predictions = requests.map(request => predictor.predict(request))
    const predictedMs = performance.now()
    for (const [index, prediction] of predictions.entries()) predictor.learn(prediction, { tokens: index, isCensored: false })
    predictUs.push((predictedMs - startMs) * 1000 / batchSize)
    learnUs.push((performance.now() - predictedMs) * 1000 / batchSize)
  }
  return { predictUs: median(predictUs), learnUs: median(learnUs) }
}

const longTexts = new Map<string, string>()

/** Words of 2 to 9 letters, half of them from a few. */
function longText (index: number, chars: number): string {
  const key = `${index % 50} ${chars}`
  const known = longTexts.get(key)
  if (known !== undefined) return known
  const words: string[] = []
  let length = 0
  let state = index % 50 + 1
  while (length < chars) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    const number = (state >>> 8) % 2 === 0 ? (state >>> 9) % 40 : (state >>> 9) % 20_000
    const word = (number * 7919).toString(36).padEnd(2 + number % 6, 'e')
    words.push(word)
    length += word.length + 1
  }
  const text = words.join(' ')
  longTexts.set(key, text)
  return text
}
