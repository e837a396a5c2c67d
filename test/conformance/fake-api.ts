import { contextTokens, draw, noise, tokensOf, tokenText, vocabSize, type Drawn } from './fake-model.js'

/** An error object with its status. */
export class ApiError extends Error {
  readonly status: number
  readonly param: string | null
  readonly code: string | null
  readonly type: string
  readonly headers: Readonly<Record<string, string>>

  constructor (
    status: number, message: string, param: string | null = null, code: string | null = null, type = 'invalid_request_error', headers: Readonly<Record<string, string>> = {}
  ) {
    super(message)
    this.status = status
    this.param = param
    this.code = code
    this.type = type
    this.headers = headers
  }
}

export interface FakeEvent {
  name?: string
  /** Sent as it is. */
  data?: string
  json?: any
}

/** What a handler answers: one body, or events. Faults change it before it is sent. */
export interface Reply {
  status: number
  headers: Record<string, string>
  json?: any
  events?: FakeEvent[]
  /** Tokens that take their time, as those of a long answer do. */
  slowTokens: number
}

export interface FakeRequest {
  readonly path: string
  readonly body: any
  /** Makes one instance, or one moment, answer unlike another. */
  readonly salt: string
}

interface Choice {
  readonly index: number
  readonly text: string
  readonly drawn: readonly Drawn[]
  readonly calls: readonly any[]
  readonly finish: string
}

export const chatModel = 'org/fake'
export const embeddingModel = 'fake-embed'

function bad (param: string, message = `${param} is not as it should be`): never {
  throw new ApiError(400, message, param)
}

const ranges: ReadonlyArray<readonly [string, number, number, boolean]> = [
  ['temperature', 0, 2, false], ['top_p', 0, 1, false], ['frequency_penalty', -2, 2, false], ['presence_penalty', -2, 2, false], ['n', 1, 128, true],
  ['top_logprobs', 0, 20, true], ['max_completion_tokens', 1, 2 ** 31, true], ['max_tokens', 0, 2 ** 31, true], ['best_of', 1, 128, true],
  ['top_k', -1, 1e9, true], ['min_p', 0, 1, false], ['priority', -1e9, 1e9, true], ['seed', -(2 ** 63), 2 ** 63, true]
]

function checkSampling (body: any): void {
  for (const [field, low, high, isInteger] of ranges) {
    const value = body[field]
    if (value == null) continue
    if (typeof value !== 'number' || value < low || value > high || (isInteger && !Number.isInteger(value))) bad(field)
  }
  if (body.stream != null && typeof body.stream !== 'boolean') bad('stream')
  if (body.stream_options != null && body.stream !== true) bad('stream_options')
  for (const [id, value] of Object.entries(body.logit_bias ?? {})) if (Number(id) >= vocabSize || Math.abs(Number(value)) > 100) bad('logit_bias')
  if ((body.stop_token_ids ?? []).some((id: number) => id < 0)) bad('stop_token_ids')
}

function checkModel (name: string | undefined, wanted: string): void {
  if (name == null) bad('model')
  if (name === wanted) return
  if (name === chatModel || name === embeddingModel) throw new ApiError(400, `${name} cannot do that`, 'model')
  throw new ApiError(404, `There is no model ${name}.`, 'model', 'model_not_found')
}

function checkLength (promptTokens: number): void {
  if (promptTokens >= contextTokens) {
    throw new ApiError(400, `The prompt has ${promptTokens} tokens, the context ${contextTokens}.`, null, 'context_length_exceeded')
  }
}

function checkSchema (schema: any, path: string): void {
  if (typeof schema?.pattern === 'string' && /\(\(|\{\d/.test(schema.pattern)) bad(path, 'pattern cannot be done')
  if (schema?.type !== undefined && !['object', 'string', 'boolean', 'number', 'array'].includes(schema.type)) bad(path, `type ${schema.type} is none`)
  for (const property of Object.values(schema?.properties ?? {})) checkSchema(property, path)
}

function checkName (name: unknown, path: string): void {
  if (typeof name !== 'string' || !/^[\w-]{1,64}$/.test(name)) bad(path)
}

/** A value that fits. */
function instanceOf (schema: any, seed: number): any {
  if (schema.enum !== undefined) return schema.enum[Math.floor(noise('enum', seed) * schema.enum.length)]
  if (schema.type === 'boolean') return seed % 2 === 0
  return Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, property]) => [name, instanceOf(property, seed)]))
}

function checkMessages (messages: any): void {
  if (!Array.isArray(messages) || messages.length === 0) bad('messages')
  for (const [i, { role, content, tool_call_id: id }] of messages.entries()) {
    if (!['system', 'developer', 'user', 'assistant', 'tool', 'function'].includes(role)) bad(`messages[${i}].role`)
    if (content != null && typeof content !== 'string' && !Array.isArray(content)) bad(`messages[${i}].content`)
    if (role === 'tool' && id === undefined) bad(`messages[${i}].tool_call_id`)
    for (const [j, part] of (Array.isArray(content) ? content : []).entries()) if (part.type !== 'text') bad(`messages[${i}].content[${j}]`)
  }
}

function checkTools (body: any): void {
  if (body.functions !== undefined) bad('functions')
  const tools: any[] = body.tools ?? []
  if (tools.length > 128) bad('tools')
  for (const { function: { name } } of tools) checkName(name, 'tools')
  const choice = body.tool_choice
  if (choice == null) return
  if (tools.length === 0 && choice !== 'none') bad('tool_choice')
  if (typeof choice === 'string' ? !['none', 'auto', 'required'].includes(choice) : !['function', 'allowed_tools'].includes(choice.type)) bad('tool_choice')
  if (choice.type === 'function' && !tools.some(tool => tool.function.name === choice.function.name)) bad('tool_choice')
}

function checkFormat (format: any): void {
  if (format == null) return
  if (!['text', 'json_object', 'json_schema'].includes(format.type)) bad('response_format')
  if (format.type !== 'json_schema') return
  checkName(format.json_schema.name, 'response_format.json_schema.name')
  checkSchema(format.json_schema.schema, 'response_format.json_schema.schema')
}

/** The choices of one prompt. */
function generate (prompt: string, promptTokens: number, body: any, limit: number | undefined, salt: string): Choice[] {
  const maxTokens = Math.min(limit ?? Infinity, contextTokens - promptTokens)
  return Array.from({ length: body.n ?? 1 }, (_, index) => {
    const options = { temperature: body.temperature ?? 1, seed: (body.seed ?? 0) + index, topK: body.top_k ?? 0, bias: body.logit_bias ?? {} }
    const drawn = Array.from({ length: maxTokens }, (_, position) => draw(prompt + salt, position, options))
    const whole = drawn.map(({ id }) => tokenText(id)).join('')
    const stops = [body.stop ?? []].flat().filter((stop: string) => stop !== '' && whole.includes(stop)).map((stop: string) => whole.indexOf(stop))
    const isStopped = stops.length > 0
    return { index, text: isStopped ? whole.slice(0, Math.min(...stops)) : whole, drawn, calls: [], finish: isStopped ? 'stop' : 'length' }
  })
}

function callsOf (body: any, prompt: string): any[] {
  const choice = body.tool_choice
  if (choice !== 'required' && choice?.type !== 'function') return []
  const { function: { name, parameters } } = choice.type === 'function' ? body.tools.find((tool: any) => tool.function.name === choice.function.name) : body.tools[0]
  const count = prompt.includes('twice') && body.parallel_tool_calls !== false ? 2 : 1
  return Array.from({ length: count }, (_, i) => ({
    id: `call_${Math.random().toString(36).slice(2)}`, type: 'function', function: { name, arguments: JSON.stringify(instanceOf(parameters, (body.seed ?? 0) + i)) }
  }))
}

function tokenEntry (id: number, logprob: number): any {
  return { token: tokenText(id), logprob, bytes: [...Buffer.from(tokenText(id))] }
}

function chatLogprobs (drawn: readonly Drawn[], body: any): any {
  if (body.logprobs !== true) return null
  return {
    content: drawn.map(({ id, logprob, ranked }) => ({ ...tokenEntry(id, logprob), top_logprobs: ranked.slice(0, body.top_logprobs ?? 0).map(other => tokenEntry(other.id, other.logprob)) })),
    refusal: null
  }
}

function usageOf (promptTokens: number, completionTokens: number): any {
  return {
    prompt_tokens: promptTokens, completion_tokens: completionTokens, total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: 0 }, completion_tokens_details: { reasoning_tokens: 4 }
  }
}

function event (json: any): FakeEvent {
  return { json }
}

const reasoning = 'It asks for a story.'
const now = (): number => Math.floor(Date.now() / 1000)

export function chat ({ body, salt }: FakeRequest): Reply {
  checkModel(body.model, chatModel)
  checkMessages(body.messages)
  checkSampling(body)
  if (body.max_tokens === 0) bad('max_tokens')
  if (body.top_logprobs != null && body.logprobs !== true) bad('top_logprobs')
  if (body.modalities?.includes('audio')) bad('modalities')
  checkTools(body)
  checkFormat(body.response_format)
  const prompt: string = body.messages.map((message: any) => `${message.role}: ${typeof message.content === 'string' ? message.content : JSON.stringify(message.content)}`).join('\n')
  const promptTokens = tokensOf(prompt).length + 4 * body.messages.length
  checkLength(promptTokens)
  const limit = body.max_completion_tokens ?? body.max_tokens
  const calls = callsOf(body, prompt)
  const format = body.response_format?.type ?? 'text'
  let choices = generate(prompt, promptTokens, body, limit, salt)
  if (calls.length > 0) choices = [{ index: 0, text: '', drawn: [], calls, finish: 'tool_calls' }]
  else if (format !== 'text') {
    const value = format === 'json_object' ? { a: 1 } : instanceOf(body.response_format.json_schema.schema, body.seed ?? 0)
    choices = [{ index: 0, text: JSON.stringify(value), drawn: [], calls: [], finish: 'stop' }]
  }
  const usage = usageOf(promptTokens, choices.reduce((sum, choice) => sum + choice.drawn.length, 0))
  const head = { id: `chatcmpl-${Math.random().toString(36).slice(2)}`, created: now(), model: body.model, system_fingerprint: 'fp_fake' }
  const slowTokens = body.ignore_eos === true ? choices[0]!.drawn.length : 0
  if (body.stream === true) return { status: 200, headers: {}, events: chatEvents(head, choices, body, usage), slowTokens }
  const json = {
    ...head,
    object: 'chat.completion',
    choices: choices.map(({ index, text, drawn, calls, finish }) => ({
      index,
      message: { role: 'assistant', content: calls.length > 0 ? null : text, refusal: null, reasoning_content: reasoning, ...calls.length > 0 ? { tool_calls: calls } : {} },
      logprobs: chatLogprobs(drawn, body),
      finish_reason: finish
    })),
    usage
  }
  return { status: 200, headers: {}, json, slowTokens }
}

function chatEvents (head: object, choices: readonly Choice[], body: any, usage: any): FakeEvent[] {
  const wantsUsage = body.stream_options?.include_usage === true
  const chunk = (index: number, delta: object, logprobs: any, finish: string | null): FakeEvent => event({
    ...head, object: 'chat.completion.chunk', choices: [{ index, delta, logprobs, finish_reason: finish }], ...wantsUsage ? { usage: null } : {}
  })
  const events: FakeEvent[] = choices.map(({ index }) => chunk(index, { role: 'assistant', content: '' }, null, null))
  for (const { index } of choices) events.push(chunk(index, { reasoning_content: reasoning }, null, null))
  const longest = Math.max(...choices.map(({ drawn }) => drawn.length), 1)
  const rest = choices.map(({ text }) => text)
  for (let i = 0; i < longest; i++) {
    for (const { index, drawn, calls } of choices) {
      for (const [at, call] of calls.entries()) {
        const [first, second] = [call.function.arguments.slice(0, 3), call.function.arguments.slice(3)]
        events.push(chunk(index, { tool_calls: [{ index: at, ...call, function: { name: call.function.name, arguments: '' } }] }, null, null))
        for (const part of [first, second]) events.push(chunk(index, { tool_calls: [{ index: at, function: { arguments: part } }] }, null, null))
      }
      const token = drawn[i]
      const piece = token === undefined ? rest[index]! : rest[index]!.slice(0, tokenText(token.id).length)
      rest[index] = rest[index]!.slice(piece.length)
      if (piece !== '') events.push(chunk(index, { content: piece }, token === undefined ? null : chatLogprobs([token], body), null))
    }
  }
  for (const { index, finish } of choices) events.push(chunk(index, {}, null, finish))
  if (wantsUsage) events.push(event({ ...head, object: 'chat.completion.chunk', choices: [], usage }))
  return [...events, { data: '[DONE]' }]
}

export function complete ({ body, salt }: FakeRequest): Reply {
  checkModel(body.model, chatModel)
  checkSampling(body)
  if (body.logprobs > 5) bad('logprobs')
  if (body.suffix !== undefined) bad('suffix')
  const n: number = body.n ?? 1
  if (body.best_of < n || (body.best_of !== undefined && body.stream === true)) bad('best_of')
  const prompts: any[] = Array.isArray(body.prompt) && typeof body.prompt[0] !== 'number' ? body.prompt : [body.prompt]
  if (prompts.length > 1024) bad('prompt')
  let promptTokens = 0
  const choices = prompts.flatMap((prompt, i) => {
    if (Array.isArray(prompt) && prompt.some(id => !Number.isInteger(id) || id < 0 || id >= vocabSize)) bad('prompt')
    const tokens: string[] = Array.isArray(prompt) ? prompt.map(tokenText) : tokensOf(prompt)
    promptTokens += tokens.length
    checkLength(tokens.length)
    const made = generate(tokens.join(''), tokens.length, body, body.max_tokens ?? 16, salt)
    return made.map(choice => completionChoice(choice, i * n + choice.index, tokens, body))
  })
  const usage = usageOf(promptTokens, choices.reduce((sum, { tokens }) => sum + tokens, 0))
  const head = { id: 'cmpl-1', object: 'text_completion', created: now(), model: body.model }
  const plain = choices.map(({ choice }) => choice)
  if (body.stream !== true) return { status: 200, headers: {}, json: { ...head, choices: plain, usage }, slowTokens: 0 }
  const events = plain.flatMap(choice => [
    event({ ...head, choices: [{ ...choice, text: choice.text.slice(0, 5), logprobs: null, finish_reason: null }] }),
    event({ ...head, choices: [{ ...choice, text: choice.text.slice(5), logprobs: null }] })
  ])
  if (body.stream_options?.include_usage === true) events.push(event({ ...head, choices: [], usage }))
  return { status: 200, headers: {}, events: [...events, { data: '[DONE]' }], slowTokens: 0 }
}

function completionChoice ({ text, drawn, finish }: Choice, index: number, promptTokens: readonly string[], body: any): { choice: any, tokens: number } {
  const echoed = body.echo === true ? promptTokens : []
  const tokens = [...echoed, ...drawn.map(({ id }) => tokenText(id))]
  const values = [...echoed.map((_, i) => i === 0 ? null : -1.5), ...drawn.map(({ logprob }) => logprob)]
  let offset = 0
  const logprobs = body.logprobs == null ? null : {
    tokens, token_logprobs: values, top_logprobs: tokens.map((token, i) => values[i] === null ? null : { [token]: values[i] }),
    text_offset: tokens.map(token => (offset += token.length) - token.length)
  }
  return { choice: { index, text: echoed.join('') + text, logprobs, finish_reason: finish }, tokens: drawn.length }
}

export function embed ({ body }: FakeRequest): Reply {
  checkModel(body.model, embeddingModel)
  const inputs: any[] = Array.isArray(body.input) && typeof body.input[0] !== 'number' ? body.input : [body.input]
  if (inputs.length > 2048 || inputs.some(input => input === '' || input.length === 0)) bad('input')
  if (body.dimensions !== undefined && !(body.dimensions >= 1)) bad('dimensions')
  const tokens = inputs.reduce((sum: number, input) => sum + (typeof input === 'string' ? tokensOf(input).length : input.length), 0)
  const data = inputs.map((input, index) => {
    const numbers = Array.from({ length: body.dimensions ?? 16 }, (_, i) => noise(JSON.stringify(input), i) - 0.5)
    return { object: 'embedding', index, embedding: body.encoding_format === 'base64' ? Buffer.from(Float32Array.from(numbers).buffer).toString('base64') : numbers }
  })
  return { status: 200, headers: {}, json: { object: 'list', data, model: body.model, usage: { prompt_tokens: tokens, total_tokens: tokens } }, slowTokens: 0 }
}
