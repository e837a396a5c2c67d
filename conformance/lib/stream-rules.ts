import { choicesOf, chunksOf, streamedText, type ServerEvent } from './events.js'
import { show } from './verdict.js'

export interface StreamExpectations {
  readonly n?: number
  readonly includeUsage?: boolean
  readonly logprobs?: boolean
}

const longestEvent = 256 * 1024

/** What is wrong with the form of a chat stream, by the number of the item that says so. */
export function streamProblems (raw: string, events: readonly ServerEvent[], { n = 1, includeUsage = false, logprobs = false }: StreamExpectations = {}): Map<number, string> {
  const problems = new Map<number, string>()
  const problem = (item: number, isWrong: boolean, reason: () => string): void => {
    if (isWrong && !problems.has(item)) problems.set(item, reason())
  }
  const chunks = chunksOf(events).filter(chunk => chunk.error === undefined)
  const choices = choicesOf(events)

  const oddEvent = events.find(event => event.data !== undefined && event.data !== '[DONE]' && event.json === undefined)
  problem(69, oddEvent !== undefined || chunks.length === 0, () => oddEvent === undefined ? 'the stream has no chunk' : `an event is no JSON: ${show(oddEvent.data)}`)
  problem(82, oddEvent !== undefined || !raw.endsWith('\n\n'), () => `the stream holds or ends with half an event: ${show(raw.slice(-80))}`)

  for (const field of ['id', 'created', 'model', 'object']) {
    const values = new Set(chunks.map(chunk => chunk[field]))
    problem(70, values.size !== 1 || values.has(undefined), () => `chunks have ${values.size} values of ${field}: ${show([...values])}`)
  }
  problem(70, chunks.some(chunk => chunk.object !== 'chat.completion.chunk'), () => `a chunk's object is ${show(chunks[0]?.object)}`)

  for (let index = 0; index < n; index++) {
    const own = choices.filter(choice => choice.index === index)
    const roles = own.filter(choice => choice.delta?.role !== undefined)
    problem(71, own[0]?.delta?.role !== 'assistant' || own[0].delta.content !== '', () => `the first delta is ${show(own[0]?.delta)}`)
    problem(71, roles.length !== 1, () => `the role comes ${roles.length} times`)
    const ends = own.filter(choice => typeof choice.finish_reason === 'string')
    problem(72, ends.length !== 1, () => `a choice has ${ends.length} chunks with a finish_reason`)
    problem(87, ends.length !== 1, () => `choice ${index} of ${n} ends ${ends.length} times`)
    problem(72, Object.keys(own.at(-1)?.delta ?? { none: 0 }).length > 0 || typeof own.at(-1)?.finish_reason !== 'string',
      () => `the last chunk of a choice is ${show(own.at(-1))}`)
  }
  const unended = choices.find(choice => choice.finish_reason === undefined)
  problem(73, unended !== undefined, () => `a chunk has no finish_reason: ${show(unended)}`)

  const totals = chunks.filter(chunk => Array.isArray(chunk.choices) && chunk.choices.length === 0)
  if (includeUsage) {
    problem(74, totals.length !== 1 || chunks.at(-1) !== totals[0], () => `${totals.length} chunks without choices, and not one at the end`)
    problem(74, !Number.isInteger(totals[0]?.usage?.total_tokens), () => `the last chunk's usage is ${show(totals[0]?.usage)}`)
    const unnulled = chunks.find(chunk => chunk !== totals[0] && chunk.usage !== null)
    problem(74, unnulled !== undefined, () => `a chunk before the last has the usage ${show(unnulled.usage)}`)
  } else problem(75, totals.length > 0, () => `a chunk without choices comes, though no usage was asked for: ${show(totals[0])}`)

  const done = events.filter(event => event.data === '[DONE]').length
  problem(76, done !== 1 || events.at(-1)?.data !== '[DONE]', () => `the last of ${done} [DONE] is not the stream's end: ${show(raw.slice(-80))}`)
  problem(87, events.at(-1)?.data !== '[DONE]', () => '[DONE] is not last')

  const empty = events.find(event => event.data === '' || event.data === '{}' || event.data === 'null')
  const strange = events.flatMap(event => event.lines).find(line => !/^(?:data: |:)/.test(line))
  problem(77, empty !== undefined, () => `an event is empty: ${show(empty!.lines)}`)
  problem(77, strange !== undefined, () => `a line is neither data nor a comment: ${show(strange)}`)
  const long = events.find(event => event.lines.length > 1 || event.lines.some(line => line.length > longestEvent))
  problem(78, long !== undefined, () => `an event has ${long!.lines.length} lines, the longest of ${Math.max(...long!.lines.map(line => line.length))} characters`)

  if (logprobs) {
    for (const choice of choices) {
      const text: string = choice.delta?.content ?? ''
      const tokens: any[] = choice.logprobs?.content ?? []
      const bytes = Buffer.from(tokens.flatMap(token => token.bytes ?? [...Buffer.from(String(token.token))]))
      problem(88, bytes.toString('utf8') !== text, () => `a chunk's text is ${show(JSON.stringify(text))}, that of its logprobs ${show(JSON.stringify(bytes.toString('utf8')))}`)
    }
    problem(88, !choices.some(choice => choice.logprobs?.content?.length > 0), () => 'no chunk has logprobs')
  }
  return problems
}

/** What is wrong with the tool calls of a stream: items 83 and 84. */
export function toolDeltaProblems (events: readonly ServerEvent[]): Map<number, string> {
  const problems = new Map<number, string>()
  const deltas = choicesOf(events).flatMap(choice => choice.delta?.tool_calls ?? [])
  if (deltas.length === 0) problems.set(83, `no chunk has tool_calls; the content is ${show(streamedText(events))}`)
  let highest = -1
  const seen = new Set<number>()
  for (const delta of deltas) {
    const { index } = delta
    if (!Number.isInteger(index)) {
      problems.set(83, `a delta has no index: ${show(delta)}`)
      continue
    }
    const isFirst = !seen.has(index)
    seen.add(index)
    const named = delta.id !== undefined || delta.type !== undefined || delta.function?.name !== undefined
    const whole = typeof delta.id === 'string' && delta.type === 'function' && typeof delta.function?.name === 'string'
    if (isFirst && !whole) problems.set(83, `the first delta of a call lacks id, type or name: ${show(delta)}`)
    if (!isFirst && named) problems.set(83, `a later delta names the call again: ${show(delta)}`)
    if (isFirst && index !== highest + 1) problems.set(84, `call ${index} begins after call ${highest}`)
    if (isFirst) highest = index
  }
  for (const index of seen) {
    const text = deltas.filter(delta => delta.index === index).map(delta => delta.function?.arguments ?? '').join('')
    try {
      JSON.parse(text)
    } catch {
      problems.set(84, `the joined arguments of call ${index} do not parse: ${show(text)}`)
    }
  }
  return problems
}
