import type { Command } from 'commander'
import { policyNames } from '../scheduler/policies/index.js'
import { workloads } from '../simulator/workloads/index.js'
import { addFlags } from './option-flags.js'
import { simulatedEngineOptions } from './simulated-engine.js'

export function addSimulateFlags (command: Command): Command {
  addTraceFlags(command.optionsGroup('Trace:'))
    .option('--generate <workload>', `make a trace: ${Object.entries(workloads).map(([name, { description }]) => `${name} (${description})`).join('; ')}`)
    .option('--rate <number>', 'requests a second of a trace that is made')
    .option('--seed <number>', 'the same seed makes the same trace (default: 1)')
    .option('--length-accuracy <share>', 'predict lengths by bucket, so many rightly, 0 to 1; 1 = exactly (default: what the trace predicts)')
  command.optionsGroup('Engine:')
    .option('--policy <names>', `policies to compare, with commas between: ${policyNames.join(', ')} (default: all)`)
    .option('--costs <file>', 'JSON with fixedMs, prefillTokenMs, decodeMs, contextTokenMs and prefillContextTokenMs of a step, or a CSV table of steps with prefillTokens, decodes, contextTokens, prefillContextTokens and ms (default: those of the workload)')
    .option('--max-num-seqs <number>', 'sequences that run at once')
    .option('--max-batch-tokens <number>', 'tokens of one step at most')
    .option('--max-model-len <number>', 'longest sequence, prompt and answer together')
    .option('--kv-tokens <number>', 'tokens that the KV cache holds')
    .option('--kv-swap-tokens <number>', 'tokens that the host tier holds for sequences that give way; 0 = it is off (default: a quarter of --kv-tokens)')
    .option('--swap-token-ms <number>', 'ms that the KV of a token takes from one to the other (default: that of the workload)')
    .option('--no-prefix-cache', 'compute shared prefixes again')
  addFlags(command, simulatedEngineOptions)
  return addOutputFlags(command.optionsGroup('Output:'))
}

export function addReplayFlags (command: Command): Command {
  command.optionsGroup('Server:')
    .option('--url <address>', 'of an OpenAI-compatible server; its key is MILLRACE_API_KEY')
    .option('--model <name>', 'which model to ask for (default: the first that the server names)')
    .option('--vocab-size <number>', 'prompts are of token ids below this (default: 256)')
    .option('--timeout-sec <number>', 'a turn that takes longer has failed (default: 600)')
    .option('--extra <json>', 'further fields of each request (default: {"ignore_eos": true})')
    .option('--no-scheduling-fields', 'leave out slo, priority, session_id and reading_tokens_per_sec, for servers that refuse them')
  addTraceFlags(command.optionsGroup('Trace:'))
  return addOutputFlags(command.optionsGroup('Output:'))
}

function addTraceFlags (command: Command): Command {
  return command
    .option('--trace <file>', 'CSV, JSON by line or an array in JSON; also traces of Azure and Mooncake')
    .option('--requests <number>', 'so many requests at most')
    .option('--speed <factor>', 'divide the times between requests by this (default: 1)')
}

function addOutputFlags (command: Command): Command {
  return command
    .option('--json', 'print JSON instead of a table')
    .option('--request-results', 'with --json: each request\'s results too')
    .option('--chart <file>', 'write a page of HTML with charts: TTFT, and SLOs met over time')
}
