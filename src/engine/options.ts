import { tryParseBytes } from '../core/bytes.js'
import { InvalidOptionError } from '../core/errors.js'
import { didYouMean } from '../core/suggest.js'
import { policyNames } from '../scheduler/policies/index.js'
import { parseDeviceMap, type DeviceStage } from './device-map.js'

/**
 * Options of an engine: the source of types, checks, defaults, `--help` and docs/options.md. A JSON
 * schema; `format` says how the text of a flag becomes a value.
 */
export const engineOptions = {
  maxModelLen: {
    type: 'integer',
    minimum: 1,
    description: 'Longest sequence, prompt and answer together, in tokens. Default: what the model was trained for, or what the KV cache can hold if that is less.'
  },
  maxNumSeqs: {
    type: 'integer',
    minimum: 1,
    maximum: 4096,
    default: 32,
    description: 'Sequences that run at once; others wait. A request with n choices has n.'
  },
  maxBatchTokens: {
    type: 'integer',
    minimum: 1,
    maximum: 65536,
    default: 256,
    description: 'Tokens of one step at most: longer prompts are computed in chunks. More is faster for prompts and slower for the answers that run beside them.'
  },
  policy: {
    type: 'string',
    enum: policyNames,
    default: 'adaptive',
    description: 'Who is next when requests wait (docs/scheduling.md). adaptive weighs deadlines, expected work, link, tools and age; fcfs goes by arrival.'
  },
  pacing: {
    type: 'string',
    enum: ['none', 'qoe'],
    default: 'none',
    description: 'How fast answers are written when more are asked for than a step has room for. none: max-num-seqs of them as fast as can be, while the others wait; qoe: more at once, each as fast as it is read (docs/scheduling.md).'
  },
  maxResidentSeqs: {
    type: 'integer',
    minimum: 1,
    maximum: 65_536,
    description: 'With pacing qoe: sequences that hold KV at once, of which a step computes max-num-seqs. Default: eight times max-num-seqs.'
  },
  readingTokensPerSec: {
    type: 'number',
    minimum: 0.1,
    maximum: 1000,
    description: 'With pacing qoe: tokens that a client reads a second, where its request says nothing. Default: 4.8.'
  },
  reserveRatio: {
    type: 'number',
    minimum: 0,
    maximum: 1,
    default: 0.1,
    description: 'Of the KV that running answers are expected to grow by, the share that is kept free for them when another request is admitted. More preempts fewer answers, and admits fewer at once.'
  },
  maxQueuedRequests: {
    type: 'integer',
    minimum: 1,
    default: 1024,
    description: 'Requests that may wait beyond those that run; more are refused at once with 429. A request with n choices, or n prompts, counts n; one that comes when nothing waits is taken however large it is.'
  },
  maxQueuedTokens: {
    type: 'integer',
    minimum: 1,
    default: 4_194_304,
    description: 'Prompt tokens that may wait; a request that would add more is refused at once with 429, unless nothing waits. Before a text is tokenised, four characters count as a token.'
  },
  maxStepMs: {
    type: 'integer',
    minimum: 1,
    maximum: 60_000,
    description: 'What a step may take while answers are being written, in ms: prompts that come meanwhile are computed in chunks of that length. Default: three times what a step takes without prompts, at least 60 ms.'
  },
  refuseMissedSlo: {
    type: 'boolean',
    default: false,
    description: 'Refuse a request at once when the queue forecasts that it will miss the times that it asks for. Else it runs, and its result says so.'
  },
  speculativeDecoding: {
    type: 'string',
    enum: ['none', 'prompt-lookup'],
    default: 'none',
    description: 'Compute several tokens of an answer in one step where they can be guessed. prompt-lookup guesses what followed the last tokens where they stood before, which is fast for answers that quote, edit or repeat. The tokens are the same; answers with penalties or constrained output go without.'
  },
  numSpeculativeTokens: {
    type: 'integer',
    minimum: 1,
    maximum: 64,
    default: 8,
    description: 'With speculative-decoding: tokens that are guessed at once at most. Fewer are where guesses were wrong lately, or many answers share a step.'
  },
  kvCacheMemory: {
    type: ['integer', 'string'],
    format: 'bytes',
    minimum: 1,
    description: 'Memory for the KV cache, in bytes or as 2GiB. Default: half of the memory (of the cgroup, else of the system) that the weights leave free, on cuda devices all of it, but not more than max-num-seqs sequences of max-model-len tokens need.'
  },
  kvSwapMemory: {
    type: ['integer', 'string'],
    format: 'bytes',
    minimum: 0,
    description: 'Memory beside the KV cache for sequences that give way to others, in bytes or as 2GiB; 0 turns it off, and their KV is computed again. Taken from the system when it is first used; for cuda devices at once, and pinned. Default: a quarter of the KV cache, at most 4 GiB and what is free.'
  },
  preallocateKv: {
    type: 'boolean',
    default: false,
    description: 'Take the memory of the KV cache from the system at the start. Else it is taken when it is first used, for which steps wait now and then.'
  },
  servedModelName: {
    type: 'string',
    minLength: 1,
    description: 'Name of the model in the API. Default: the name of the folder, file or repository.'
  },
  threads: {
    type: 'integer',
    minimum: 1,
    maximum: 1024,
    description: 'Compute threads of the process, all devices together. Default: the CPU quota of the cgroup, else the number of cores.'
  },
  pinThreads: {
    type: 'boolean',
    default: false,
    description: 'Keep each compute thread on a processor of its own. For machines that run nothing else; it loses where others want those processors.'
  },
  device: {
    type: 'string',
    default: 'auto',
    description: 'Device that runs the model, such as cpu:0 or cuda:0 (millrace devices lists them). auto takes the first cuda device that is usable, else cpu:0. There is no fallback from a device that is named.'
  },
  deviceMap: {
    type: ['string', 'array'],
    format: 'device-map',
    description: 'Layers of each device, such as cpu:0=0-13,cpu:1=14-27; cpu:0+cpu:1=0-27 splits every layer over two. Instead of device.'
  },
  quantize: {
    type: 'string',
    enum: ['none', 'int8', 'int4'],
    default: 'none',
    description: 'Makes the matrices of the model smaller and faster when it is loaded, at a cost in accuracy (docs/quantization.md). Matrices that are quantised in the file stay as they are.'
  },
  quantizeGroup: {
    type: 'integer',
    enum: [32, 64, 128],
    default: 32,
    description: 'Weights that share a scale with quantize int4. Fewer are more accurate; more take less memory.'
  },
  activationDtype: {
    type: 'string',
    enum: ['auto', 'f32', 'f16', 'bf16'],
    default: 'auto',
    description: 'Number format that cuda devices compute in; sums are taken in f32 in any case. auto follows the weights: f32 for F32, f16 for F16, else bf16. A CPU computes in f32.'
  },
  kvDtype: {
    type: 'string',
    enum: ['auto', 'f32', 'f16', 'bf16'],
    default: 'auto',
    description: 'Number format of the KV cache. auto follows the weights, and on cuda devices what they compute in.'
  },
  prefixCaching: {
    type: 'boolean',
    default: true,
    description: 'Keep the KV of prompts for later requests that begin alike.'
  },
  kernels: {
    type: 'string',
    enum: ['auto', 'scalar', 'avx2', 'avx512', 'avx512-vnni', 'avx512-bf16', 'amx'],
    default: 'auto',
    description: 'CPU kernels. auto takes the best that the CPU has, the last of these; scalar is the slow reference.'
  },
  deterministic: {
    type: 'boolean',
    default: false,
    description: 'The same tokens for a request alone and in any batch. Costs speed only where the kernels are amx; the others are so anyway.'
  },
  nccl: {
    type: 'string',
    minLength: 1,
    default: 'auto',
    description: 'How cuda devices that split layers sum: auto by NCCL where it is found, off by way of the host, or by the NCCL of this path, which is the library or its folder (pip: nvidia/nccl/lib).'
  },
  profilerState: {
    type: 'string',
    minLength: 1,
    description: 'Folder in which the profiler keeps what it learnt of output lengths and step times, a file for each model; none keeps nothing. Default: none; millrace serve: millrace/profiler in the user\'s cache directory.'
  },
  maxLogprobs: {
    type: 'integer',
    minimum: 0,
    maximum: 20,
    default: 20,
    description: 'Most alternatives per token that a request may ask for.'
  },
  seed: {
    type: 'integer',
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    description: 'Makes the seeds of requests that name none repeatable. Default: random.'
  }
} as const satisfies Readonly<Record<string, OptionSchema>>

/** The part of JSON schema that options use. */
export interface OptionSchema {
  readonly type: OptionType | readonly OptionType[]
  readonly format?: 'bytes' | 'device-map'
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly enum?: ReadonlyArray<string | number>
  readonly default?: number | string | boolean
  /** Never printed. */
  readonly isSecret?: boolean
  /** Several with commas between, or a list of texts. */
  readonly isList?: boolean
  readonly description: string
}

type OptionType = 'integer' | 'number' | 'string' | 'boolean' | 'array'
type OptionName = keyof typeof engineOptions

type ValueOf<S extends OptionSchema> =
  S extends { format: 'bytes' } ? number | string
    : S extends { format: 'device-map' } ? string | readonly DeviceStage[]
      : S extends { enum: ReadonlyArray<infer Value> } ? Value
        : S extends { type: 'integer' | 'number' } ? number
          : S extends { type: 'boolean' } ? boolean : string

/** As callers give them. */
export type EngineOptions = { readonly [Name in OptionName]: ValueOf<typeof engineOptions[Name]> }
export type PartialEngineOptions = { readonly [Name in OptionName]?: EngineOptions[Name] | undefined }

type ParsedValue<Name extends OptionName> = Name extends 'kvCacheMemory' | 'kvSwapMemory' ? number
  : Name extends 'deviceMap' ? readonly DeviceStage[] : EngineOptions[Name]
type OptionWithDefault = { [Name in OptionName]: typeof engineOptions[Name] extends { default: unknown } ? Name : never }[OptionName]

/** Checked, texts parsed, fixed defaults filled in; what depends on model and machine may be missing. */
export type ParsedEngineOptions = { readonly [Name in OptionWithDefault]: ParsedValue<Name> } &
  { readonly [Name in Exclude<OptionName, OptionWithDefault>]: ParsedValue<Name> | undefined }

/** 'maxModelLen' is --max-model-len. */
export function flagOf (option: string): string {
  return `--${option.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`
}

/**
 * Checks options against the schema; numbers may be texts, as flags give them.
 *
 * @throws InvalidOptionError that names the option, and the nearest one for a name that does not exist
 */
export function parseEngineOptions (values: PartialEngineOptions): ParsedEngineOptions {
  const names = Object.keys(engineOptions)
  for (const name of Object.keys(values)) {
    if (!names.includes(name)) throw new InvalidOptionError(name, `There is no option ${name}.${didYouMean(name, names)}`)
  }
  const parsed = Object.fromEntries(Object.entries(engineOptions).map(([name, schema]) => {
    const value: unknown = values[name as OptionName]
    return [name, value === undefined ? defaultOf(schema) : parseOption(name, schema, value)]
  })) as ParsedEngineOptions
  if (parsed.maxBatchTokens < parsed.maxNumSeqs) {
    throw new InvalidOptionError('maxBatchTokens', `maxBatchTokens is ${parsed.maxBatchTokens}, but every one of maxNumSeqs ` +
      `(${parsed.maxNumSeqs}) sequences takes a token of each step. Raise --max-batch-tokens or lower --max-num-seqs.`)
  }
  checkPacing(parsed)
  if (parsed.quantizeGroup !== engineOptions.quantizeGroup.default && parsed.quantize !== 'int4') {
    throw new InvalidOptionError('quantizeGroup', `quantizeGroup is ${parsed.quantizeGroup}, but quantize is ${parsed.quantize}, which has no groups. Leave it out, or add --quantize int4.`)
  }
  if (parsed.deviceMap !== undefined && values.device !== undefined && values.device !== 'auto') {
    throw new InvalidOptionError('deviceMap', 'device and deviceMap cannot be given together; leave out one of them.')
  }
  return parsed
}

type PacingChoice = Pick<ParsedEngineOptions, 'pacing' | 'maxNumSeqs' | 'maxResidentSeqs' | 'readingTokensPerSec'>

/** @throws InvalidOptionError */
export function checkPacing ({ pacing, maxNumSeqs, maxResidentSeqs, readingTokensPerSec }: PacingChoice): void {
  for (const [name, value] of Object.entries({ maxResidentSeqs, readingTokensPerSec })) {
    if (pacing === 'none' && value !== undefined) {
      throw new InvalidOptionError(name, `${name} is ${value}, but pacing is none: nothing looks at it. Leave it out, or add --pacing qoe.`)
    }
  }
  if (maxResidentSeqs !== undefined && maxResidentSeqs < maxNumSeqs) {
    throw new InvalidOptionError('maxResidentSeqs', `maxResidentSeqs is ${maxResidentSeqs}, fewer than the ${maxNumSeqs} sequences of a step ` +
      '(maxNumSeqs). Raise --max-resident-seqs or lower --max-num-seqs.')
  }
}

const defaultOf = (schema: OptionSchema): unknown => schema.default

/** One value; also for flags of others that are described in the same form. */
export function parseOption (name: string, schema: OptionSchema, value: unknown): unknown {
  const refuse = (wanted: string): never => {
    const shown = schema.isSecret === true ? 'not usable' : JSON.stringify(value) ?? String(value)
    throw new InvalidOptionError(name, `${name} is ${shown}; it must be ${wanted} (${flagOf(name)}).`)
  }
  if (schema.format === 'device-map') return parseDeviceMap(value)
  if (schema.format === 'bytes') return parseBytes(value, schema.minimum ?? 1, refuse)
  if (schema.type === 'integer') return parseInteger(schema, value, refuse)
  if (schema.type === 'number') return parseNumber(schema, value, refuse)
  if (schema.type === 'boolean') {
    if (value === true || value === 'true') return true
    if (value === false || value === 'false') return false
    return refuse('true or false')
  }
  if (schema.isList === true && Array.isArray(value) && value.every(item => typeof item === 'string')) return parseOption(name, schema, value.join(','))
  if (typeof value !== 'string' || value.length < (schema.minLength ?? 0)) return refuse('a text that is not empty')
  if (schema.enum !== undefined && !schema.enum.includes(value)) return refuse(`one of ${schema.enum.join(', ')}`)
  return value
}

function parseInteger (schema: OptionSchema, value: unknown, refuse: (wanted: string) => never): number {
  const number = typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value
  const { minimum = 0, maximum = Number.MAX_SAFE_INTEGER } = schema
  if (schema.enum !== undefined) return schema.enum.includes(number as number) ? number as number : refuse(`one of ${schema.enum.join(', ')}`)
  if (Number.isSafeInteger(number) && number as number >= minimum && number as number <= maximum) return number as number
  return refuse(maximum === Number.MAX_SAFE_INTEGER ? `a whole number of at least ${minimum}` : `a whole number from ${minimum} to ${maximum}`)
}

function parseNumber (schema: OptionSchema, value: unknown, refuse: (wanted: string) => never): number {
  const number = typeof value === 'string' && /^-?(\d+(\.\d*)?|\.\d+)$/.test(value) ? Number(value) : value
  const { minimum = 0, maximum = Number.MAX_SAFE_INTEGER } = schema
  if (typeof number === 'number' && number >= minimum && number <= maximum) return number
  return refuse(`a number from ${minimum} to ${maximum}`)
}

function parseBytes (value: unknown, minimum: number, refuse: (wanted: string) => never): number {
  const bytes = typeof value === 'string' ? tryParseBytes(value) : value
  if (Number.isSafeInteger(bytes) && bytes as number >= minimum) return bytes as number
  return refuse(`a number of bytes${minimum > 0 ? ' above 0' : ''}, such as 2GiB or 512MiB${minimum > 0 ? '' : ', or 0'}`)
}
