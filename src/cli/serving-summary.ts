import { formatBytes } from '../core/bytes.js'
import { quantizationText } from '../engine/quantization.js'
import type { Addon } from '../native/binding.js'
import { millraceVersion } from '../server/version.js'
import type { LoadedModel } from './load-engine.js'
import { dtypesOf, formatCount, parametersOf } from './model-summary.js'
import { twoColumns } from './table.js'

export interface ServingAddress {
  readonly url: string
  readonly needsKey: boolean
  readonly addon: Pick<Addon, 'cpuFeatures'>
}

/** What a server prints when it is ready: what runs, where its memory goes, and how to reach it. */
export function servingSummary ({ engine, description }: LoadedModel, { url, needsKey, addon }: ServingAddress): string {
  const { modelName, path, options, memory, exchange } = engine.info
  const { spec } = description
  const dtypes = dtypesOf(description).map(({ dtype }) => dtype).join(', ')
  const quantization = quantizationText(options)
  const total = memory.weightsBytes + memory.kvBytes + memory.kvHostBytes + memory.workspaceBytes
  const swap = memory.kvHostBytes === 0 ? '' : `KV swap up to ${formatBytes(memory.kvHostBytes)} + `
  const devices = [...new Set(options.deviceMap.flatMap(stage => stage.devices))]
  const rows: Array<[string, string]> = [
    ['millrace', millraceVersion],
    ['model', `${modelName}: ${spec.architecture}, ${formatCount(parametersOf(description))} parameters in ${dtypes}${quantization === undefined ? '' : ` (quantised to ${quantization})`}, ${spec.numLayers} layers`],
    ['files', path],
    ['context', `${options.maxModelLen} tokens; ${options.maxNumSeqs} sequences at once, ${options.maxBatchTokens} tokens a step`],
    ['memory', `weights ${formatBytes(memory.weightsBytes)} + KV cache ${formatBytes(memory.kvBytes)} ` +
      `(${options.kvBlocks * options.blockTokens} tokens in ${options.kvDtype}) + ${swap}workspace ${formatBytes(memory.workspaceBytes)} = ${formatBytes(total)}`],
    ['compute', `${devices.join(', ')}, ${options.threads} thread${options.threads === 1 ? '' : 's'}, kernels ${options.kernels} ` +
      `(this CPU: ${addon.cpuFeatures().join(', ') || 'no vector instructions that they use'})`],
    ...exchange === '' ? [] : [['sums', exchange] satisfies [string, string]],
    ['address', `${url}/v1${needsKey ? ' (with an API key)' : ''}`]
  ]
  return `${twoColumns(rows)}\n\n${exampleCurl(url, modelName, needsKey)}`
}

function exampleCurl (url: string, modelName: string, needsKey: boolean): string {
  const body = JSON.stringify({ model: modelName, messages: [{ role: 'user', content: 'What is a KV cache?' }] }).replaceAll('\'', '\'\\\'\'')
  return `curl ${url}/v1/chat/completions -H 'Content-Type: application/json'${needsKey ? ' -H "Authorization: Bearer $MILLRACE_API_KEY"' : ''} \\\n  -d '${body}'`
}
