import { chunksOf, choicesOf, readEvents, streamedText } from '../lib/events.js'
import { endedStreams } from '../lib/instances.js'
import { readMetrics, settled } from '../lib/metrics.js'
import type { Checks } from '../lib/run.js'
import { streamProblems, toolDeltaProblems, type StreamExpectations } from '../lib/stream-rules.js'
import type { Stream, Target } from '../lib/target.js'
import { expect, fail, notApplicable, show } from '../lib/verdict.js'
import { mustCall } from './constrained.js'

const usageWanted = { stream_options: { include_usage: true } }
const three = { n: 3, temperature: 1, max_tokens: 12 }
const scored = { logprobs: true, top_logprobs: 2 }

/** Items that the form of a stream decides, each by the streams that may break it. */
function formItem (item: number): (target: Target) => Promise<void> {
  return async target => {
    const streams: ReadonlyArray<[object, StreamExpectations]> = [
      [{}, {}], [usageWanted, { includeUsage: true }], [three, { n: 3 }], [{ ...scored, max_tokens: 12 }, { logprobs: true }]
    ]
    for (const [fields, expected] of streams) throwProblem(await target.storyStream(fields), expected, item)
  }
}

function throwProblem (stream: Stream, expected: StreamExpectations, item: number): void {
  const reason = streamProblems(stream.raw.toString('utf8'), stream.events, expected).get(item)
  if (reason !== undefined) fail(reason)
}

export const chatStream: Checks = {
  69: async target => {
    const { headers } = await target.storyStream()
    expect(headers['content-type']?.startsWith('text/event-stream'), `content-type is ${show(headers['content-type'])}`)
    expect(headers['cache-control']?.includes('no-cache'), `cache-control is ${show(headers['cache-control'])}`)
    expect(headers['x-accel-buffering'] === 'no', `x-accel-buffering is ${show(headers['x-accel-buffering'])}`)
    await formItem(69)(target)
  },
  ...Object.fromEntries([70, 71, 72, 73, 74, 75, 76, 77, 78, 87, 88].map(item => [item, formItem(item)])),
  79: async target => {
    expect(streamedText((await target.storyStream()).events) === await target.story(), 'the joined deltas are not the plain answer')
    const warm = { temperature: 1, seed: 9, max_tokens: 40 }
    const plain = await target.story(warm)
    const streamed = streamedText((await target.storyStream(warm)).events)
    expect(streamed === plain, `of one seed, the stream reads ${show(streamed)}, the plain answer ${show(plain)}`)
    const { choices: [choice] } = await target.openai().chat.completions.stream(target.chatBody() as any).finalChatCompletion()
    expect(choice!.message.content === await target.story(), 'what OpenAI\'s client puts together is not the plain answer')
  },
  80: async target => {
    for (const seed of [1, 2, 3, 4]) {
      const { events } = await target.chatStream({ ...scored, messages: [{ role: 'user', content: 'Write: é 水 😀 ñ 中文' }], temperature: 2, seed, max_tokens: 60 })
      const text = streamedText(events)

      expect(!/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(text), 'the stream has half a surrogate pair')
      const tokens = choicesOf(events).flatMap(choice => choice.logprobs?.content ?? [])
      const real = Buffer.from(tokens.flatMap(token => token.bytes ?? [])).toString('utf8')
      const broken = (text.match(/\ufffd/g) ?? []).length
      const meant = tokens.length === 0 ? 0 : (real.match(/\ufffd/g) ?? []).length
      expect(broken <= meant, `the stream has ${broken} broken characters, and its tokens' bytes ${meant}`)
    }
  },
  81: async target => {
    const { streams } = await endedStreams(target)
    const raw = streams[0]!.raw.toString('utf8')
    const events = readEvents(raw)
    const error = events.find(event => event.json?.error !== undefined)
    const end = choicesOf(events).find(choice => typeof choice.finish_reason === 'string')
    if (error === undefined && end !== undefined && events.at(-1)?.data === '[DONE]') notApplicable('the stream was done before the server ended it; ask for a shorter drain')
    expect(error !== undefined, `a stream that the server ended has no error event; its last is ${show(events.at(-1)?.data)}`)
    expect(end === undefined, `a stream that ended with an error pretends the end ${show(end?.finish_reason)}`)
    expect(error === events.at(-1), `after the error comes ${show(events.at(-1)?.data)}`)
  },
  82: async target => {
    await formItem(82)(target)
    if (target.options.start === undefined) return
    for (const { raw } of (await endedStreams(target)).streams) {
      const half = readEvents(raw.toString('utf8')).find(event => event.data !== undefined && event.data !== '[DONE]' && event.json === undefined)
      expect(half === undefined, `a stream that the server ended has half an event: ${show(half?.data)}`)
    }
  },
  83: async target => {
    const { events } = await toolStream(target)
    const reason = toolDeltaProblems(events).get(83)
    if (reason !== undefined) fail(reason)
    const viaClient = await target.openai().chat.completions.stream(target.chatBody(mustCall) as any).finalChatCompletion()
    const [call] = viaClient.choices[0]!.message.tool_calls ?? []
    expect(call?.type === 'function' && call.function.name === 'weather', `OpenAI's client reads the call as ${show(call)}`)
  },
  84: async target => {
    const twice = { ...mustCall, messages: [{ role: 'user', content: 'Use the tool twice: the weather in Oslo, and the weather in Rome.' }], max_tokens: 400 }
    for (const { events } of [await toolStream(target), await target.chatStream(twice)]) {
      const reason = toolDeltaProblems(events).get(84) ?? (toolDeltaProblems(events).size > 0 ? 'no call is streamed' : undefined)
      if (reason !== undefined) fail(reason)
    }
  },
  85: async target => {
    const { events } = await toolStream(target)
    expect(toolDeltaProblems(events).size === 0, 'no call is streamed')
    const text = streamedText(events)
    expect(!/<\/?tool_call|\[TOOL_CALLS\]|<\|python_tag\|>|<function=|"arguments"\s*:/.test(text), `the content has markup of the call: ${show(text)}`)
  },
  86: async target => {
    const { choices: [choice] } = await target.chatOk({ max_tokens: 60 })
    const plain: unknown = choice.message.reasoning_content ?? choice.message.reasoning
    const deltas = choicesOf((await target.chatStream({ max_tokens: 60 })).events).map(streamed => streamed.delta ?? {})
    const text = deltas.map(delta => delta.content ?? '').join('')
    expect(!/<\/?think>/.test(text), `the content has the marks of reasoning: ${show(text)}`)
    if (typeof plain !== 'string' || plain === '') notApplicable('the model does not reason')
    const reasoning = deltas.map(delta => delta.reasoning_content ?? delta.reasoning ?? '').join('')
    expect(reasoning === plain, `the plain answer reasons ${show(plain)}, the stream ${show(reasoning)}`)
  },
  89: async target => {
    const { arrivals, raw } = await target.chatStream({ max_tokens: 200, ignore_eos: true })
    const totalMs = arrivals.at(-1)!.ms
    const firstContent = raw.toString('latin1').search(/"content": ?"[^"]/)
    const firstMs = arrivals.find(({ bytes }) => bytes > firstContent)!.ms
    expect(arrivals.length > 3 && firstMs < totalMs * 0.8, `of ${totalMs.toFixed(0)} ms, the first text came after ${firstMs.toFixed(0)} ms, in ${arrivals.length} pieces in all`)
  },
  90: async target => {
    const before = await readMetrics(target)
    if (before === undefined) notApplicable('the server shows no /metrics to see it by')
    for (const stream of [true, false]) await leave(target, stream)
    const after = await settled(target, metrics => metrics.active === 0 && (metrics.aborted ?? 0) >= (before.aborted ?? 0) + 2, 5000)
    expect(after?.active === 0, `${after?.active ?? 'an unknown number of'} requests run on after their clients left`)
    expect((after.aborted ?? 0) >= (before.aborted ?? 0) + 2, `the counter of aborts rose by ${show((after.aborted ?? 0) - (before.aborted ?? 0))} for two clients that left`)
  },
  91: async target => {
    const expected = await target.story()
    const [half, stalled] = [target.raw(), target.raw()]
    const post = target.post(target.chatBody({ stream: true, n: 4, temperature: 1, max_tokens: 200, ignore_eos: true }))
    half.socket.end(post, 'latin1')
    stalled.write(post)
    stalled.socket.pause()
    const beside = await Promise.all([1, 2, 3].map(async () => streamedText((await target.chatStream()).events)))
    half.close()
    stalled.close()
    expect(beside.every(text => text === expected), 'a stream beside one that is not read is another than alone')
    await target.recovers()
  },
  92: async target => {
    const padded = { stream_options: { include_obfuscation: true } }
    const stream = await target.chatStream(padded)
    expect(streamedText(stream.events) === await target.story(), 'with include_obfuscation the text is another')
    expect(stream.events.at(-1)?.data === '[DONE]', 'with include_obfuscation [DONE] is not last')
  },
  93: async target => {
    const fields = { ...scored, ...usageWanted, n: 2, temperature: 1, max_tokens: 60 }
    const expected = { n: 2, includeUsage: true, logprobs: true }
    let pieces = 0
    const slow = await target.chatStream(fields, { onPiece: () => ++pieces <= 3 ? new Promise(resolve => setTimeout(resolve, 150)) : undefined })
    const quick = await target.chatStream(fields)
    // What is wrong with every stream is the failure of another item; so is the time of a chunk (70), which a pause brings out.
    const [own, others] = [slow, quick].map(({ raw, events }) => streamProblems(raw.toString('utf8'), events, expected))
    for (const [item, reason] of own!) expect(item === 70 || others!.has(item), reason)
    for (const index of [0, 1]) expect(streamedText(slow.events, index) === streamedText(quick.events, index), 'a reader that pauses gets another text')
    expect(chunksOf(slow.events).length > 0, 'a reader that pauses gets nothing')
  }
}

async function toolStream (target: Target): Promise<Stream> {
  return await target.once('tool stream', async () => await target.chatStream(mustCall))
}

/** Starts a long answer and closes the connection after its first bytes, or while it is made. */
async function leave (target: Target, isStream: boolean): Promise<void> {
  const raw = target.raw()
  raw.write(target.post(target.chatBody({ stream: isStream, n: 4, temperature: 1, max_tokens: 1500, ignore_eos: true })))
  if (isStream) await raw.until(text => text.includes('data: '), 'the beginning of a stream', 30_000)
  else await settled(target, metrics => (metrics.active ?? 1) > 0, 5000)
  raw.close()
}
