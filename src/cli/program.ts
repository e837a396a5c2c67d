import { Command, CommanderError } from 'commander'
import { errorCodes } from '../core/error-codes.js'
import { InvalidOptionError } from '../core/errors.js'
import { engineOptions } from '../engine/options.js'
import { serverOptions } from '../server/options.js'
import { millraceVersion } from '../server/version.js'
import { chat } from './chat.js'
import { devices } from './devices.js'
import { generate } from './generate.js'
import { inspect } from './inspect.js'
import { printLine, type Io } from './io.js'
import { embeddedModelPath } from './model-name.js'
import { addFlags, givenFlags, localEngineOptions } from './option-flags.js'
import { replayTrace } from './replay.js'
import { addSamplingFlags } from './sampling-flags.js'
import { serve } from './serve.js'
import { simulateTrace } from './simulate.js'
import { addReplayFlags, addSimulateFlags } from './simulate-flags.js'

export const exitCodes = { success: 0, failure: 1, usage: 2 } as const

/** Errors of the native part are plain ones with a code. */
const knownCodes = new Set<string | undefined>(errorCodes.map(({ code }) => code))

type Flags = Readonly<Record<string, unknown>>

const modelArgument = 'folder, .gguf file, or org/name on the Hugging Face hub (default: the demo model that ships with millrace)'

/**
 * Runs one command line.
 *
 * @param argv without node and the script
 * @returns the exit code: 0, 1 for a failure, 2 for a wrong command line
 */
export async function runCli (argv: readonly string[], io: Io): Promise<number> {
  try {
    await buildProgram(io).parseAsync([...argv.length === 0 ? ['--help'] : argv], { from: 'user' })
    return exitCodes.success
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.success : exitCodes.usage
    printLine(io.stderr, failureText(error, argv.includes('--debug')))
    return error instanceof InvalidOptionError ? exitCodes.usage : exitCodes.failure
  }
}

export function buildProgram (io: Io): Command {
  const program = new Command('millrace')
    .description('LLM inference server for Node.js. Serves an OpenAI-compatible API from this machine.')
    .version(millraceVersion)
    .showHelpAfterError('(add --help for what there is)')
    .configureOutput({
      writeOut: text => { io.stdout.write(text) },
      writeErr: text => { io.stderr.write(text) },
      outputError: (text, write) => { write(text.replace(/^error: /, 'millrace: ')) }
    })
    .exitOverride()
    .addHelpText('after', examples('millrace serve', 'millrace chat ./my-model', 'millrace inspect Qwen/Qwen3-0.6B'))

  const add = (name: string, description: string, lines: readonly string[]): Command => program.command(name)
    .description(description)
    .option('--debug', 'show the stack of a failure')
    .addHelpText('after', examples(...lines))

  const serveCommand = add('serve', 'Serve a model over HTTP.',
    ['millrace serve', 'millrace serve Qwen/Qwen3-0.6B --port 9000', 'MILLRACE_API_KEY=secret millrace serve ./model.gguf --host 0.0.0.0', 'millrace serve --config millrace.yaml --print-config'])
    .argument('[model]', modelArgument)
    .option('--config <file>', 'YAML or JSON file with these options; flags and the environment go before it (environment: MILLRACE_CONFIG)')
    .option('--print-config', 'print every option with its value and where it comes from, and end')
    .action(async (model: string | undefined, _, command: Command) => {
      await serve({ ...givenFlags(command), ...model === undefined ? {} : { model } }, io)
    })
  addFlags(serveCommand.optionsGroup('Server:'), serverOptions)
  addFlags(serveCommand.optionsGroup('Engine:'), engineOptions)

  const chatCommand = add('chat', 'Talk to a model in the terminal.', ['millrace chat', 'millrace chat ./my-model --system "You are brief."'])
    .argument('[model]', modelArgument)
    .option('--system <text>', 'system message')
    .action(async (model: string | undefined, flags: Flags) => { await chat(model ?? embeddedModelPath, flags, io) })
  addLocalFlags(chatCommand)

  const generateCommand = add('generate', 'Answer one prompt, given by flag or on stdin.',
    ['millrace generate --prompt "What is a KV cache?"', 'cat question.txt | millrace generate --max-tokens 40', 'millrace generate ./model.gguf --raw --prompt "1, 2, 3," --json'])
    .argument('[model]', modelArgument)
    .option('--prompt <text>', 'what to answer (default: stdin)')
    .option('--raw', 'continue the text as it is, without a chat template')
    .option('--json', 'print the whole result as JSON instead of the text as it comes')
    .action(async (model: string | undefined, flags: Flags) => { await generate(model ?? embeddedModelPath, flags, io) })
  addLocalFlags(generateCommand)

  add('inspect', 'Show what a model\'s files say, without loading it.', ['millrace inspect ./my-model', 'millrace inspect ./model.gguf --tokens 32768'])
    .argument('<model>', 'folder, .gguf file, or org/name on the Hugging Face hub')
    .option('--tokens <number>', 'size the KV cache for so many tokens (default: the model\'s context)')
    .option('--json', 'print JSON')
    .action(async (model: string, flags: Flags) => { await inspect(model, flags, io) })

  add('devices', 'Show what could run a model here.', ['millrace devices', 'millrace devices --json'])
    .option('--json', 'print JSON')
    .action((flags: Flags) => { devices(flags, io) })

  addSimulateFlags(add('simulate', 'Run the scheduler over a trace of requests without a model: a table for each policy.',
    ['millrace simulate --generate uellm --policy fcfs,slo-odbs', 'millrace simulate --trace requests.csv --costs costs.json --chart out.html']))
    .action(async (flags: Flags) => { await simulateTrace(flags, io) })

  addReplayFlags(add('replay', 'Send a trace of requests to a running server, and measure what its clients would see.',
    ['millrace replay --url http://127.0.0.1:8000 --trace requests.csv', 'millrace replay --url http://127.0.0.1:8000 --trace requests.csv --speed 2 --json']))
    .action(async (flags: Flags) => { await replayTrace(flags, io) })

  return program
}

/** Flags of commands that load a model for themselves. */
function addLocalFlags (command: Command): void {
  addSamplingFlags(command.optionsGroup('Sampling:'))
  addFlags(command.optionsGroup('Engine:'), localEngineOptions)
}

function examples (...lines: string[]): string {
  return `\nExamples:\n${lines.map(line => `  $ ${line}`).join('\n')}`
}

/** One clear message; a stack only when it was asked for. */
function failureText (error: unknown, isDebug: boolean): string {
  if (!(error instanceof Error)) return `millrace: ${String(error)}`
  if (isDebug) return `millrace: ${error.stack ?? error.message}`
  return knownCodes.has((error as NodeJS.ErrnoException).code)
    ? `millrace: ${error.message}`
    : `millrace: ${error.message} (this was not foreseen; --debug shows where it happened)`
}
