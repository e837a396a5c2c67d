import { RowOutput, RowStatus } from '../../src/core/step.js'
import type { Plan } from '../../src/scheduler/plan.js'
import type { Sequence } from '../../src/scheduler/sequence.js'

/** What a sequence's tokens must be, prompt first, whatever the scheduler does. */
export interface Script {
  readonly tokens: Int32Array
  /** Whether the last token is an end-of-sequence token. */
  readonly stops: boolean
}

export interface ScriptedResult {
  tokenStarts: Int32Array
  tokens: Int32Array
  statuses: Int32Array
}

/**
 * Stands in for the device: runs plans in the order they were queued, and checks what the device
 * relies on. Rows continue where the slot's KV ends, placeholders resolve to the slot's last token,
 * and every input token is the one that the script says.
 */
export class ScriptedSteps {
  readonly #scripts = new Map<number, Script>()
  /** By sequence and admission: tokens with KV. */
  readonly #written = new Map<string, number>()
  readonly #lastToken = new Map<number, number>()
  readonly #ended = new Set<number>()
  readonly faults: string[] = []

  script (sequence: Sequence, script: Script): void {
    this.#scripts.set(sequence.id, script)
  }

  run (plan: Plan): ScriptedResult {
    const result: ScriptedResult = {
      tokenStarts: new Int32Array(plan.numRows + 1),
      tokens: new Int32Array(plan.numTokens),
      statuses: new Int32Array(plan.numRows)
    }
    let count = 0
    for (let row = 0; row < plan.numRows; row++) {
      const status = this.#runRow(plan, row)
      result.statuses[row] = status.code
      for (const token of status.tokens) result.tokens[count++] = token
      result.tokenStarts[row + 1] = count
    }
    return result
  }

  #runRow (plan: Plan, row: number): { code: number, tokens: number[] } {
    const sequence = plan.sequences[row]!
    const script = this.#scripts.get(sequence.id)!
    if (this.#ended.has(sequence.id) || sequence.state === 'ended') return { code: RowStatus.skipped, tokens: [] }
    const start = plan.positions[row]!
    const from = plan.queryStarts[row]!
    const end = start + plan.queryStarts[row + 1]! - from
    const verifies = (plan.outputs[row]! & RowOutput.verify) !== 0
    const key = `${sequence.id}/${plan.epochs[row]!}`
    // The first row of an admission may start after a cached or shared prefix.
    const written = this.#written.get(key)
    if (written !== undefined && written !== start) this.faults.push(`row at ${start}, KV ends at ${written}`)
    this.#written.set(key, end)
    if (verifies) return this.#verify(plan, row, script, key)
    for (let position = start; position < end; position++) {
      const planned = plan.tokenIds[from + position - start]!
      const token = planned === -1 ? this.#lastToken.get(sequence.id) : planned
      if (token !== script.tokens[position]) this.faults.push(`token ${token} at ${position}, not ${script.tokens[position]}`)
    }
    if ((plan.outputs[row]! & RowOutput.sample) === 0) return { code: RowStatus.running, tokens: [] }
    return this.#sample(sequence.id, script, end)
  }

  /** Tokens of the script, up to the first that was drafted otherwise. */
  #verify (plan: Plan, row: number, script: Script, key: string): { code: number, tokens: number[] } {
    const { id } = plan.sequences[row]!
    const start = plan.positions[row]!
    const given = plan.tokenIds.subarray(plan.queryStarts[row], plan.queryStarts[row + 1])
    if (given[0] !== script.tokens[start]) this.faults.push(`token ${given[0]} at ${start}, not ${script.tokens[start]}`)
    const tokens: number[] = []
    let code: number = RowStatus.running
    do {
      const sampled = this.#sample(id, script, start + 1 + tokens.length)
      code = sampled.code
      tokens.push(...sampled.tokens)
    } while (code === RowStatus.running && tokens.length < given.length && tokens.at(-1) === given[tokens.length])
    this.#written.set(key, start + tokens.length)
    return { code, tokens }
  }

  #sample (id: number, script: Script, position: number): { code: number, tokens: number[] } {
    const token = script.tokens[position]
    if (token === undefined) {
      this.faults.push(`sampled at ${position}, past the script`)
      return { code: RowStatus.badLogits, tokens: [] }
    }
    this.#lastToken.set(id, token)
    const last = position === script.tokens.length - 1
    if (last) this.#ended.add(id)
    return { code: !last ? RowStatus.running : script.stops ? RowStatus.stop : RowStatus.length, tokens: [token] }
  }
}
