import { Registry } from 'prom-client'
import { conformancePage } from './conformance-page.mjs'
import { errorCodes, type ErrorCode } from '../src/core/error-codes.js'
import { engineOptions, flagOf, type OptionSchema } from '../src/engine/options.js'
import { httpMetrics } from '../src/server/metrics/http-metrics.js'
import { millraceMetrics } from '../src/server/metrics/millrace-metrics.js'
import { collectProcess } from '../src/server/metrics/process-metrics.js'
import type { SampledMetric } from '../src/server/metrics/sampled-metric.js'
import { requestMetrics } from '../src/server/metrics/request-metrics.js'
import { vllmMetrics } from '../src/server/metrics/vllm-metrics.js'
import { serverOptions } from '../src/server/options.js'
import { table } from './markdown-table.mjs'

const notice = '<!-- Made by scripts/generate-docs.mts; edit the tables in src/ instead. -->\n'

/** Texts of the generated pages by path. */
export function generatedDocs (): Record<string, string> {
  return { 'docs/options.md': optionsPage(), 'docs/errors.md': errorsPage(), 'docs/metrics.md': metricsPage(), 'docs/conformance.md': conformancePage() }
}

function optionsPage (): string {
  return `${notice}# Options

Flags of \`millrace serve\`; \`chat\` and \`generate\` take those of the engine too, except --served-model-name and
--seed, which is the request's own there. In a program, \`Engine.load(model, options)\` and
\`listen(engine, options)\` take the names of the second column. Names that do not exist are errors that suggest the nearest one.

\`millrace serve\` takes each option in four ways, the first before the others:

1. the flag; one that is on or off also as its opposite, such as \`--prefix-caching\` and \`--no-prefix-caching\`;
2. the environment: \`--max-num-seqs\` is \`MILLRACE_MAX_NUM_SEQS\`, and the model \`MILLRACE_MODEL\`; \`HOST\` and \`PORT\` count where those of Millrace
   are not set. A \`MILLRACE_\` variable that nothing reads is an error, except those that Kubernetes makes for a service of the name \`millrace\`;
3. the file that \`--config\` or \`MILLRACE_CONFIG\` names, in YAML or JSON, with the names of either column and \`model\`:

   \`\`\`yaml
   model: Qwen/Qwen3-0.6B
   port: 9000
   max-num-seqs: 64
   kvCacheMemory: 8GiB
   apiKey: [first-key, second-key]   # lists where several are meant
   \`\`\`

4. the default.

\`millrace serve --print-config\` prints what that comes to, each value with where it comes from, and ends; keys are hidden. Its output is a config file. Paths
are relative to the working directory, wherever they are written.

## Engine

${optionTable(engineOptions)}
## Server

${optionTable(serverOptions)}
In a program \`apiKey\` may also be a list of keys.
`
}

function optionTable (schemas: Readonly<Record<string, OptionSchema>>): string {
  const rows = Object.entries(schemas).map(([name, schema]) => [
    `\`${flagText(name, schema)}\``, `\`${name}\``, valueText(schema), defaultText(schema), schema.description
  ])
  return table(['flag', 'in a program', 'value', 'default', 'meaning'], rows)
}

function flagText (name: string, schema: OptionSchema): string {
  return schema.type === 'boolean' && schema.default === true ? flagOf(name).replace('--', '--no-') : flagOf(name)
}

function valueText (schema: OptionSchema): string {
  if (schema.enum !== undefined) return schema.enum.join(', ')
  if (schema.format === 'bytes') return 'bytes, or a text such as 2GiB'
  if (schema.format === 'device-map') return 'map'
  if (schema.type !== 'integer' && schema.type !== 'number') return schema.type === 'boolean' ? 'on or off' : 'text'
  const { minimum, maximum = Number.MAX_SAFE_INTEGER } = schema
  if (schema.type === 'number') return `number, ${minimum} to ${maximum}`
  return maximum === Number.MAX_SAFE_INTEGER ? `whole number from ${minimum}` : `whole number, ${minimum} to ${maximum}`
}

function defaultText (schema: OptionSchema): string {
  if (schema.type === 'boolean') return schema.default === true ? 'on' : 'off'
  return schema.default === undefined ? '' : String(schema.default)
}

function errorsPage (): string {
  const rows = (codes: readonly ErrorCode[]): string[][] => codes.map(({ code, status, apiCode, cause, remedy }) => [
    `\`${code}\``, status === undefined ? '' : String(status), apiCode === undefined ? '' : `\`${apiCode}\``, cause, remedy
  ])
  return `${notice}# Errors

Every error that a caller or an operator can act on is a \`MillraceError\`, or comes from the native part, and
carries one of these codes in \`error.code\`. Over HTTP it becomes OpenAI's error object, with nothing else
beside it:

\`\`\`json
{"error": {"message": "temperature must be at most 2. It is 3.", "type": "invalid_request_error", "param": "temperature", "code": "ERR_INVALID_PARAMETER"}}
\`\`\`

\`param\` is the path of the field at fault, or null. \`code\` is the code below, or the spelling that OpenAI's
clients know where the third column has one. \`type\` is \`invalid_request_error\` for 4xx, \`unavailable_error\` for
503 and \`server_error\` for the rest. \`x-should-retry\` tells clients whether the same request can succeed later;
503 has \`Retry-After\` too. An error inside a stream is its last event, \`data: {"error": …}\`, without \`[DONE]\`.

On the command line an error is one line on stderr: exit code 2 for a wrong command line, 1 for every other
failure; \`--debug\` adds the stack.

${table(['code', 'HTTP status', 'in the API', 'cause', 'what to do'], rows(errorCodes))}
Codes without a status come from the native part: they arrive when a model is loaded, or as the \`cause\` of
\`ERR_STEP_FAILED\`.
`
}

function metricsPage (): string {
  const sampledTable = (metrics: readonly SampledMetric[]): string => table(['name', 'type', 'labels', 'meaning'],
    metrics.map(({ name, type, labels = [], help }) => [`\`${name}\``, type, labels.map(label => `\`${label}\``).join(', '), help]))
  const own = new Registry()
  requestMetrics(own, () => [])
  httpMetrics(own)
  collectProcess(own)
  return `${notice}# Metrics

\`GET /metrics\` answers in the text format of Prometheus. It needs an API key where the server has any:

\`\`\`yaml
scrape_configs:
  - job_name: millrace
    authorization: { credentials: the-key }
    static_configs: [{ targets: ['127.0.0.1:8000'] }]
\`\`\`

Everything is counted from the start of the process and nothing is reset by being read, so that any number of scrapers can look. The engine's
numbers are taken at the scrape, all at one moment; only latencies are counted as they come, for each request, step and token, without taking memory. While
the model is being loaded there are those of the process alone. In a program \`engine.metrics()\` has the same.

Names of tools, sessions, users and anything else that clients choose never become labels: they would grow without bound, and tell others what is theirs.

## As in vLLM

By vLLM's own names, labels and ranges, for dashboards, autoscalers and routers that are made for it. Each has the labels \`model_name\` and \`engine\`
(always 0). What vLLM calls a request is one sequence of tokens: a request with \`n\` choices counts \`n\`. What has no counterpart here (images, LoRA,
speculation, transfer between machines) is not there.

${sampledTable(vllmMetrics)}
\`vllm:tool_call_parser_invocations_total\` is among those of [HTTP](#http-and-process).

## Millrace's own

With \`model_name\` and \`engine\` too. [scheduling.md](scheduling.md) explains what is measured.

${sampledTable(millraceMetrics)}
What is good: \`length_top1_ratio\` well above \`length_majority_top1_ratio\`, \`length_coverage_ratio\` near 0.9, \`step_cost_error_ratio\` below 0.1, and
\`forecast_error_seconds\` small against the latencies. Forecasts know nothing of what comes later, so that they are early under rising load.

## HTTP and process

Requests for \`/metrics\`, \`/health\`, \`/version\` and \`/api/version\` are not counted. Paths that no route has share the handler \`none\`. What the server
generates to see whether it can (\`/health\`) is in none of the metrics of requests and tokens; its steps are steps of the model. \`deploy/grafana.json\` is a dashboard.

${table(['name', 'type', 'meaning'], own.getMetricsAsArray().map(({ name, type, help }) => [`\`${name}\``, String(type), help]))}`
}
