import { InvalidOptionError } from '../core/errors.js'
import { didYouMean } from '../core/suggest.js'
import { engineOptions, flagOf, parseEngineOptions, parseOption, type OptionSchema, type PartialEngineOptions } from '../engine/options.js'
import { serverOptions, type ListenOptions } from '../server/index.js'
import { readConfigFile } from './config-file.js'
import { readEnvironment } from './environment.js'
import { envValue, type Io } from './io.js'
import { pickFlags } from './option-flags.js'

/** Everything that `serve` can be told, by flag, environment and file alike. */
export const serveOptions: Readonly<Record<string, OptionSchema>> = {
  model: { type: 'string', minLength: 1, description: 'Folder, .gguf file, or org/name on the Hugging Face hub. The argument of millrace serve.' },
  ...serverOptions,
  ...engineOptions
}

export interface Setting {
  readonly value: unknown
  /** A flag, a variable, a file, or 'default'. */
  readonly from: string
}

export interface ServeSettings {
  /** By option; what only the model and the machine decide is missing. */
  readonly all: ReadonlyMap<string, Setting>
  readonly model: string
  readonly engine: PartialEngineOptions
  readonly server: ListenOptions
}

type Values = Readonly<Record<string, unknown>>

/**
 * What `serve` runs with: a flag goes before the environment, that before the file, that before the default.
 * Everything that is given is checked, also where something else goes before it.
 *
 * @param flags those that were given, `model` and `config` among them
 * @param defaults the command's own, beside those of the options
 * @throws InvalidOptionError that names the option and where it came from
 */
export function readSettings (flags: Values, io: Io, defaults: Values): ServeSettings {
  const all = new Map<string, Setting>()
  const fixed = Object.entries(serveOptions).filter(([, schema]) => schema.default !== undefined)
  for (const [name, schema] of fixed) all.set(name, { value: schema.default, from: 'default' })
  for (const [name, value] of Object.entries(defaults)) all.set(name, { value, from: 'default' })
  const file = flags['config'] ?? envValue(io, 'MILLRACE_CONFIG')
  if (typeof file === 'string') {
    for (const [name, value] of readConfigFile(file)) all.set(name, { value: checked(name, value, `${file}: `), from: file })
  }
  for (const [name, { variable, value }] of readEnvironment(io, Object.keys(serveOptions))) {
    all.set(name, { value: checked(name, value, `${variable}: `), from: variable })
  }
  for (const [name, value] of Object.entries(pickFlags(flags, serveOptions))) {
    all.set(name, { value: checked(name, value, ''), from: placeOf(name, value) })
  }
  const given = (schemas: object): Values => Object.fromEntries(Object.keys(schemas).flatMap(name => {
    const setting = all.get(name)
    const isGiven = setting !== undefined && (setting.from !== 'default' || Object.hasOwn(defaults, name))
    return isGiven ? [[name, setting.value]] : []
  }))
  const engine = given(engineOptions) as PartialEngineOptions
  parseEngineOptions(engine)
  return { all, model: String(all.get('model')!.value), engine, server: given(serverOptions) }
}

function placeOf (name: string, value: unknown): string {
  if (name === 'model') return 'argument'
  return value === false ? flagOf(name).replace('--', '--no-') : flagOf(name)
}

/** @param place what the error begins with */
function checked (name: string, value: unknown, place: string): unknown {
  const schema = Object.hasOwn(serveOptions, name) ? serveOptions[name] : undefined
  if (schema === undefined) throw new InvalidOptionError(name, `${place}There is no option ${name}.${didYouMean(name, Object.keys(serveOptions))}`)
  try {
    const parsed = parseOption(name, schema, value)
    // Sizes and maps stay as they were written, for those who read them.
    return schema.format === undefined ? parsed : value
  } catch (error) {
    throw error instanceof InvalidOptionError && place !== '' ? new InvalidOptionError(name, place + error.message) : error
  }
}
