import { Option, type Command } from 'commander'
import { InvalidOptionError } from '../core/errors.js'
import { engineOptions, flagOf, type OptionSchema, type PartialEngineOptions } from '../engine/options.js'

type Flags = Readonly<Record<string, unknown>>
type Schemas = Readonly<Record<string, OptionSchema>>

/** Flags of a command, from the schema that its options have. */
export function addFlags (command: Command, schemas: Schemas): Command {
  for (const [name, schema] of Object.entries(schemas)) {
    command.addOption(flagFor(name, schema))
    if (schema.type === 'boolean') command.addOption(oppositeFlag(name, schema))
  }
  return command
}

/** What the command line itself says: without defaults, which other sources go before. */
export function givenFlags (command: Command): Flags {
  return Object.fromEntries(Object.entries(command.opts()).filter(([name]) => command.getOptionValueSource(name) === 'cli'))
}

/** The options of `schemas` among a command's flags; those that were not given are missing. */
export function pickFlags (values: Flags, schemas: Schemas): Record<string, unknown> {
  return Object.fromEntries(Object.keys(schemas).filter(name => values[name] !== undefined).map(name => [name, values[name]]))
}

export function engineFlags (values: Flags): PartialEngineOptions {
  return pickFlags(values, engineOptions)
}

/** Without what means nothing to a program that asks its own engine: --seed is the request's there. */
export const { seed: _seed, servedModelName: _name, ...localEngineOptions } = engineOptions

export function localEngineFlags (values: Flags): PartialEngineOptions {
  return pickFlags(values, localEngineOptions)
}

function flagFor (name: string, schema: OptionSchema): Option {
  const flag = flagOf(name)
  if (schema.type === 'boolean') {
    return schema.default === true
      ? new Option(flag.replace('--', '--no-'), `Turn this off: ${schema.description}`)
      : new Option(flag, schema.description)
  }
  const choices = schema.enum === undefined ? '' : ` One of ${schema.enum.join(', ')}.`
  const fallback = schema.default === undefined ? '' : ` (default: ${String(schema.default)})`
  return new Option(`${flag} <${valueName(schema)}>`, schema.description + choices + fallback)
}

/** Turns back what the environment or a file says; in the help it would be noise. */
function oppositeFlag (name: string, schema: OptionSchema): Option {
  const flag = flagOf(name)
  return new Option(schema.default === true ? flag : flag.replace('--', '--no-'), schema.description).hideHelp()
}

function valueName (schema: OptionSchema): string {
  if (schema.format !== undefined) return schema.format === 'bytes' ? 'bytes' : 'map'
  return schema.type === 'integer' || schema.type === 'number' ? 'number' : 'text'
}

/** @throws InvalidOptionError */
export function numberFlag (name: string, value: unknown, minimum: number, maximum: number): number | undefined {
  if (value === undefined) return undefined
  const text = typeof value === 'string' ? value.trim() : ''
  const number = text === '' ? NaN : Number(text)
  if (number >= minimum && number <= maximum) return number
  throw new InvalidOptionError(name, `${flagOf(name)} is ${JSON.stringify(text)}; it must be a number from ${minimum} to ${maximum}.`)
}
