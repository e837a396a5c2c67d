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
      tokens: new Int32Array(plan.numRows),
      statuses: new Int32Array(plan.numRows)
    }
    let count = 0
    for (let row = 0; row < plan.numRows; row++) {
      const status = this.#runRow(plan, row)
      result.statuses[row] = status.code
      if (status.token !== undefined) result.tokens[count++] = status.token
      result.tokenStarts[row + 1] = count
    }
    return result
  }

  #runRow (plan: Plan, row: number): { code: number, token?: number } {
    const sequence = plan.sequences[row]!
    const script = this.#scripts.get(sequence.id)!
    if (this.#ended.has(sequence.id) || sequence.state === 'ended') return { code: RowStatus.skipped }
    const start = plan.positions[row]!
    const from = plan.queryStarts[row]!
    const end = start + plan.queryStarts[row + 1]! - from
    const key = `${sequence.id}/${plan.epochs[row]!}`
    // The first row of an admission may start after a cached or shared prefix.
    const written = this.#written.get(key)
    if (written !== undefined && written !== start) this.faults.push(`row at ${start}, KV ends at ${written}`)
    this.#written.set(key, end)
    for (let position = start; position < end; position++) {
      const planned = plan.tokenIds[from + position - start]!
      const token = planned === -1 ? this.#lastToken.get(sequence.id) : planned
      if (token !== script.tokens[position]) this.faults.push(`token ${token} at ${position}, not ${script.tokens[position]}`)
    }
    if ((plan.outputs[row]! & RowOutput.sample) === 0) return { code: RowStatus.running }
    const token = script.tokens[end]
    if (token === undefined) {
      this.faults.push(`sampled at ${end}, past the script`)
      return { code: RowStatus.badLogits }
    }
    this.#lastToken.set(sequence.id, token)
    const last = end === script.tokens.length - 1
    if (last) this.#ended.add(sequence.id)
    const code = !last ? RowStatus.running : script.stops ? RowStatus.stop : RowStatus.length
    return { code, token }
  }
}
