// Conversations with the lengths of their answers, written by training/lengths.py.
import { readFileSync } from 'node:fs'
import type { LengthPrediction } from '../../src/profiler/length-predictor.js'
import { OnlineLengthPredictor } from '../../src/profiler/online-length-predictor.js'
import { PredictorMetrics, type PredictorQuality } from '../../src/profiler/predictor-metrics.js'
import type { LengthRequest } from '../../src/profiler/text-features.js'

/** What a request's network context asks for; none = it has no network context. */
export const styles = ['none', 'comprehensive', 'telegraph'] as const
export type Style = typeof styles[number]

/** A line of the file. */
export interface LengthRow extends LengthRequest {
  readonly tokens: number
  readonly style: Style
}

/** A predictor's quality on answers, all of them and those of each style. */
export interface StyleQuality {
  readonly all: PredictorQuality
  readonly byStyle: Readonly<Partial<Record<Style, PredictorQuality>>>
}

export interface LengthSetRun {
  readonly answers: number
  readonly meanTokens: Readonly<Partial<Record<Style, number>>>
  /** Told all that the server is told. */
  readonly whole: StyleQuality
  /** Told nothing of the client's link: the text without its block, the system message without its instruction. */
  readonly withoutNetwork: StyleQuality
}

/** Answers that end after the next request is predicted. */
const lag = 16

export function readLengthSet (path: string): LengthRow[] {
  const rows = readFileSync(path, 'utf8').trim().split('\n').map(line => JSON.parse(line) as LengthRow)
  const wrong = rows.findIndex(({ text, promptTokens, tokens, style }) => typeof text !== 'string' || !(promptTokens > 0) || !(tokens > 0) || !styles.includes(style))
  if (wrong !== -1) throw new Error(`${path}: line ${wrong + 1} is none of training/lengths.py`)
  return rows
}

/** In the order of the file, each answer predicted before it and the 16 before it are learnt; the second half counts. */
export function runLengthSet (rows: readonly LengthRow[]): LengthSetRun {
  const mean = (lengths: readonly number[]) => lengths.reduce((sum, tokens) => sum + tokens, 0) / lengths.length
  return {
    answers: rows.length,
    meanTokens: byStyle(style => {
      const lengths = rows.filter(row => row.style === style).map(({ tokens }) => tokens)
      return lengths.length === 0 ? undefined : mean(lengths)
    }),
    whole: play(rows),
    withoutNetwork: play(rows.map(withoutNetwork))
  }
}

function withoutNetwork ({ systemPrompt, ...row }: LengthRow): LengthRow {
  const system = systemPrompt?.replace(/\n?\[System Instruction: You are network-aware\.[^\]]*\]/, '') ?? ''
  return { ...row, text: row.text.replace(/\n\n<network_context>[^]*<\/network_context>$/, ''), ...system === '' ? {} : { systemPrompt: system } }
}

function play (rows: readonly LengthRow[]): StyleQuality {
  const predictor = new OnlineLengthPredictor()
  const all = new PredictorMetrics()
  const metrics = { none: new PredictorMetrics(), comprehensive: new PredictorMetrics(), telegraph: new PredictorMetrics() }
  const running: Array<{ prediction: LengthPrediction, tokens: number }> = []
  for (const [index, row] of rows.entries()) {
    const prediction = predictor.predict(row)
    const outcome = { tokens: row.tokens, isCensored: false }
    if (2 * index >= rows.length) {
      all.record(prediction, outcome)
      metrics[row.style].record(prediction, outcome)
    }
    running.push({ prediction, tokens: row.tokens })
    if (running.length <= lag) continue
    const ended = running.shift()!
    predictor.learn(ended.prediction, { tokens: ended.tokens, isCensored: false })
  }
  return { all: all.overall()!, byStyle: byStyle(style => metrics[style].overall()) }
}

/** Without those that have no value. */
function byStyle<Value> (valueOf: (style: Style) => Value | undefined): Partial<Record<Style, Value>> {
  return Object.fromEntries(styles.map(style => [style, valueOf(style)]).filter(([, value]) => value !== undefined)) as Partial<Record<Style, Value>>
}
