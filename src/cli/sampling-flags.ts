import type { Command } from 'commander'
import type { RequestOptions } from '../engine/api.js'
import { numberFlag } from './option-flags.js'

/** Flags of the commands that generate, named as the API's fields. */
export function addSamplingFlags (command: Command): Command {
  return command
    .option('--max-tokens <number>', 'longest answer, in tokens')
    .option('--temperature <number>', '0 = always the likeliest token; up to 2 (default: the model\'s own)')
    .option('--top-p <number>', 'sample among the likeliest tokens of this joint probability')
    .option('--top-k <number>', 'sample among so many of the likeliest tokens')
    .option('--seed <number>', 'the same seed gives the same answer (with --temperature above 0)')
    .option('--stop <text...>', 'texts that end the answer')
}

/** @throws InvalidOptionError */
export function samplingFlags (values: Readonly<Record<string, unknown>>): RequestOptions {
  return {
    maxTokens: numberFlag('maxTokens', values['maxTokens'], 1, 2 ** 31),
    temperature: numberFlag('temperature', values['temperature'], 0, 2),
    topP: numberFlag('topP', values['topP'], 0, 1),
    topK: numberFlag('topK', values['topK'], 0, 2 ** 30),
    seed: numberFlag('seed', values['seed'], 0, Number.MAX_SAFE_INTEGER),
    stop: values['stop'] as readonly string[] | undefined
  }
}
