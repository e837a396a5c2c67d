import { loadAddon } from '../../src/native/addon.js'
import type { Addon, LoadOptions, NativeModel, Slot, SlotParams } from '../../src/native/binding.js'
import { RowOutput, StepInput, StepOutput } from '../../src/native/binding.js'
import { describeModel } from '../../src/model/load-description.js'
import { locateModel } from '../../src/model/locate.js'
import type { ModelSpec } from '../../src/model/model-spec.js'

/** Slot parameters of no effect: greedy, no limit that a test would meet. */
export function slotParams (changes: Partial<SlotParams> = {}): SlotParams {
  return {
    temperature: 0,
    topK: 0,
    topP: 1,
    minP: 0,
    repetitionPenalty: 1,
    frequencyPenalty: 0,
    presencePenalty: 0,
    seed: 0n,
    stopTokenIds: new Int32Array(0),
    minTokens: 0,
    maxTokens: 1_000_000,
    topLogprobs: 0,
    biasIds: new Int32Array(0),
    biases: new Float32Array(0),
    ...changes
  }
}

export function stepInput (model: NativeModel): StepInput {
  return new StepInput(model.maxRows, model.maxTokens)
}

export function stepOutput (model: NativeModel): StepOutput {
  return new StepOutput(model.maxRows, model.maxTokens, model.maxLogprobs)
}

/** Queues a step; settles when it is done. Throws when it cannot be queued. */
export function queueStep (model: NativeModel, input: StepInput, output: StepOutput): Promise<void> {
  let settle!: (error?: Error) => void
  const done = new Promise<void>((resolve, reject) => {
    settle = error => { if (error === undefined) resolve(); else reject(error) }
  })
  model.step(input.numRows, input.buffer, output.buffer, settle)
  return done
}

export interface LoadedModel {
  addon: Addon
  model: NativeModel
  spec: ModelSpec
}

/** What `loadModel` needs for a model from test/fixtures (a folder or GGUF file), with room for small tests. */
export async function smallLoadOptions (path: string): Promise<{ spec: ModelSpec; options: LoadOptions }> {
  const { spec, location } = await describeModel(await locateModel(path), loadAddon())
  const options: LoadOptions = {
    path: location.path,
    spec: JSON.stringify(spec),
    deviceMap: [{ start: 0, end: spec.numLayers, devices: ['cpu:0'] }],
    quantize: 'none',
    quantizeGroup: 32,
    activationDtype: 'f32',
    kvDtype: 'f32',
    kvBlocks: 64,
    kvHostBlocks: 0,
    blockTokens: 16,
    maxRows: 16,
    maxTokens: 256,
    maxLogprobs: 0,
    maxSequenceTokens: 512,
    deterministic: false,
    preallocateKv: false,
    kernels: 'scalar'
  }
  return { spec, options }
}

/** Such a model, loaded. */
export async function loadNative (path: string, changes: Partial<LoadOptions> = {}): Promise<LoadedModel> {
  const addon = loadAddon()
  const { spec, options } = await smallLoadOptions(path)
  const model = await addon.loadModel({ ...options, ...changes }, () => {})
  return { addon, model, spec }
}

export interface Row {
  slot: Slot
  tokens: ArrayLike<number>
  position: number
  outputs?: number
  next?: number
}

/** Queues one step over those rows and waits for it. */
export async function runStep (model: NativeModel, rows: readonly Row[], input = stepInput(model), output = stepOutput(model)): Promise<StepOutput> {
  fillStep(input, rows)
  await queueStep(model, input, output)
  return output
}

export function fillStep (input: StepInput, rows: readonly Row[]): void {
  input.numRows = rows.length
  rows.forEach((row, i) => {
    const start = input.queryStarts[i]!
    input.slots[i] = row.slot
    input.positions[i] = row.position
    input.outputs[i] = row.outputs ?? RowOutput.sample
    input.nextTokenIds[i] = row.next ?? -1
    input.tokenIds.set(Array.from(row.tokens), start)
    input.queryStarts[i + 1] = start + row.tokens.length
  })
}

/** Greedy tokens of one sequence alone, its prompt in chunks of that size. */
export async function greedy (model: NativeModel, prompt: readonly number[], count: number, chunk = 256): Promise<number[]> {
  const slot = model.kv.open()
  model.openSlot(slot, slotParams(), new Int32Array(0), new Int32Array(0))
  model.kv.grow(slot, prompt.length + count)
  const out: number[] = []
  for (let start = 0; start < prompt.length; start += chunk) {
    const tokens = prompt.slice(start, start + chunk)
    const last = start + chunk >= prompt.length
    const output = await runStep(model, [{ slot, tokens, position: start, outputs: last ? RowOutput.sample : 0 }])
    if (last) out.push(output.tokens[0]!)
  }
  while (out.length < count) {
    const output = await runStep(model, [{ slot, tokens: [out.at(-1)!], position: prompt.length + out.length - 1 }])
    out.push(output.tokens[0]!)
  }
  model.closeSlot(slot)
  model.kv.close(slot)
  return out
}
