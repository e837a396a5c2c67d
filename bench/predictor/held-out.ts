import { readFileSync } from 'node:fs'
import { describeModel } from '../../src/model/load-description.js'
import { locateModel } from '../../src/model/locate.js'
import { loadAddon } from '../../src/native/addon.js'
import { OnlineLengthPredictor } from '../../src/profiler/online-length-predictor.js'
import { PredictorMetrics, type PredictorQuality } from '../../src/profiler/predictor-metrics.js'
import { Random } from '../../test/support/random.js'

interface Message { readonly role: string, readonly content: string }

/** The answers that the embedded model was trained to give, in random order, each predicted before it is learnt; the second half counts. */
export async function runHeldOut (seed: number): Promise<PredictorQuality> {
  const description = await describeModel(await locateModel('models/millrace-demo'), loadAddon())
  const { tokenizer, chatTemplate } = await description.loadText()
  const conversations = readFileSync('bench/accuracy/held-out.jsonl', 'utf8').trim().split('\n').map(line => JSON.parse(line) as Message[])
  const random = new Random(seed)
  const order = conversations.map(messages => ({ messages, key: random.next() })).sort((a, b) => a.key - b.key)
  const predictor = new OnlineLengthPredictor()
  const metrics = new PredictorMetrics()
  for (const [index, { messages }] of order.entries()) {
    const text = messages.at(-2)!.content
    const outcome = { tokens: (await tokenizer.encode(messages.at(-1)!.content)).length + 1, isCensored: false }
    const prediction = predictor.predict({ text, promptTokens: messages.slice(0, -1).reduce((sum, { content }) => sum + content.length, 0) >> 2 })
    if (2 * index >= order.length) metrics.record(prediction, outcome)
    predictor.learn(prediction, outcome)
  }
  await chatTemplate?.close()
  return metrics.overall()!
}
