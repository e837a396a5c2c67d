import { expectRefusal, okBody, place } from '../lib/answers.js'
import type { Checks } from '../lib/run.js'
import { streamedText } from '../lib/events.js'
import { storyMessages, type Target } from '../lib/target.js'
import { expect, fail, notApplicable, show } from '../lib/verdict.js'

const user = { role: 'user', content: 'What is the weather in Oslo and Rome?' }
const calls = ['call_a1', 'call_b2'].map((id, i) => ({ id, type: 'function', function: { name: 'weather', arguments: JSON.stringify({ city: ['Oslo', 'Rome'][i] }) } }))
const asked = { role: 'assistant', content: null, tool_calls: calls }
const results = calls.map(({ id }) => ({ role: 'tool', tool_call_id: id, content: 'rain' }))

/** What comes out of a request's fields, sampling included; tools and formats have a file of their own. */
export const chatRequest: Checks = {
  25: async target => {
    const path = '/v1/chat/completions'
    expectRefusal(await target.send(path, { body: { messages: storyMessages } }), 'a request without model', { param: /^model$/ })
    expectRefusal(await target.send(path, { body: { model: target.model } }), 'a request without messages', { param: /^messages$/ })
    expectRefusal(await target.chat({ messages: [] }), 'a request with no message', { param: /^messages/ })
  },
  26: async target => {
    const roles: ReadonlyArray<[string, object[]]> = [
      ['system', [{ role: 'system', content: 'Be brief.' }, user]],
      ['developer', [{ role: 'developer', content: 'Be brief.' }, user]],
      ['assistant', [user, { role: 'assistant', content: 'Rain.' }, user]],
      ['tool', [user, asked, ...results]],
      ['function', [user, { role: 'assistant', content: null, function_call: calls[0]!.function }, { role: 'function', name: 'weather', content: 'rain' }]]
    ]
    for (const [role, messages] of roles) await target.chatOk({ messages, max_tokens: 1 }, `a message of the role ${role}`)
    expectRefusal(await target.chat({ messages: [{ role: 'wizard', content: 'x' }, user] }), 'a message of the role wizard', { statuses: [400, 422] })
  },
  27: async target => {
    await target.chatOk({ messages: [user], max_tokens: 1 }, 'content as a text')
    await target.chatOk({ messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello' }, { type: 'text', text: 'there' }] }], max_tokens: 1 }, 'content as two text parts')
    await target.chatOk({ messages: [user, asked, ...results], max_tokens: 1 }, 'content null beside tool_calls')
  },
  28: async target => {
    const image = { type: 'image_url', image_url: { url: `data:image/png;base64,${redPixel}` } }
    const text = { type: 'text', text: 'What is this?' }
    const answer = await target.chat({ messages: [{ role: 'user', content: [text, image] }], max_tokens: 1 })
    if (answer.status === 200) {
      const without = await target.chatOk({ messages: [{ role: 'user', content: [text] }], max_tokens: 1 })
      if (answer.json?.usage?.prompt_tokens > without.usage?.prompt_tokens) notApplicable('the model sees images')
      fail('an image is dropped without a word')
    }
    expectRefusal(answer, 'an image', { param: place('messages', 0, 'content', 1) })
  },
  29: async target => {
    expectRefusal(await target.chat({ messages: [user, asked, { role: 'tool', content: 'rain' }] }), 'a tool message without tool_call_id', { statuses: [400, 422] })
    await target.chatOk({ messages: [user, asked, ...[...results].reverse()], max_tokens: 1 }, 'tool results in another order')
  },
  30: async target => {
    for (const temperature of [0, 2]) await target.chatOk({ temperature, max_tokens: 1 }, `a temperature of ${temperature}`)
    for (const temperature of [-1, 2.1, 'hot']) await refused(target, { temperature })
    for (const literal of ['NaN', '1e999', '-Infinity']) {
      const body = JSON.stringify(target.chatBody({ temperature: 0.125 })).replace('0.125', literal)
      const { status } = await target.send('/v1/chat/completions', { body })
      expect(status === 400 || status === 422, `a temperature of ${literal} got ${status}`)
    }
    const [one, two] = [await target.chatOk({ seed: 5 }), await target.chatOk({ seed: 6 })]
    expect(one.choices[0].message.content === two.choices[0].message.content, 'two answers at temperature 0 differ')
  },
  31: async target => {
    for (const topP of [0, 0.5, 1]) await target.chatOk({ top_p: topP, temperature: 1, max_tokens: 1 }, `a top_p of ${topP}`)
    for (const topP of [-0.1, 1.1]) await refused(target, { top_p: topP })
  },
  32: async target => {
    for (const field of ['frequency_penalty', 'presence_penalty']) {
      for (const value of [-2, 2]) await target.chatOk({ [field]: value, max_tokens: 1 }, `a ${field} of ${value}`)
      for (const value of [-2.1, 2.1]) await refused(target, { [field]: value })
    }
  },
  33: async target => {
    const one = await target.chatOk({ max_tokens: 4 })
    const three = await target.chatOk({ n: 3, max_tokens: 4, temperature: 1 }, 'a request with n 3')
    const indexes = three.choices.map((choice: any) => choice.index)
    expect(JSON.stringify(indexes) === '[0,1,2]', `with n 3, the choices have the indexes ${show(indexes)}`)
    expect(three.usage.prompt_tokens === one.usage.prompt_tokens, `usage has ${three.usage.prompt_tokens} prompt tokens with n 3, and ${one.usage.prompt_tokens} with n 1`)
    const isFull = three.choices.every((choice: any) => choice.finish_reason === 'length')
    const { completion_tokens: tokens } = three.usage
    expect(isFull ? tokens === 12 : tokens >= 3 && tokens < 12, `usage has ${tokens} completion tokens for three answers of up to 4`)
  },
  34: async target => {
    for (const n of [0, -1, 1_000_000, 2 ** 31]) await refused(target, { n, max_tokens: 1 })
  },
  35: async target => {
    const whole = await target.story()
    for (const { stop, kept } of stopsOf(whole)) {
      for (const given of [stop, ['never ever there', '\u0001', '\u0002', stop]]) {
        const [choice] = (await target.chatOk({ stop: given }, `stop ${show(given)}`)).choices
        expect(choice.message.content === kept, `with stop ${show(JSON.stringify(stop))} the text is ${show(JSON.stringify(choice.message.content))}, not ${show(JSON.stringify(kept))}`)
        expect(choice.finish_reason === 'stop', `with a stop text that came, finish_reason is ${show(choice.finish_reason)}`)
      }
    }
    const { status } = await target.chat({ stop: '' })
    expect(status === 200 || status === 400, `an empty stop got ${status}`)
  },
  36: async target => {
    const whole = await target.story()
    for (const { stop, kept } of stopsOf(whole)) {
      const text = streamedText((await target.chatStream({ stop })).events)
      expect(text === kept, `with stop ${show(JSON.stringify(stop))} the stream's text is ${show(JSON.stringify(text))}, not ${show(JSON.stringify(kept))}`)
    }
  },
  37: async target => {
    for (const field of ['max_completion_tokens', 'max_tokens']) {
      const { usage, choices } = await target.chatOk({ max_tokens: undefined, [field]: 3 }, field)
      expect(usage.completion_tokens <= 3 && choices[0].finish_reason === 'length', `with ${field} 3 came ${usage.completion_tokens} tokens, and the end ${choices[0].finish_reason}`)
    }
    const both = await target.chat({ max_completion_tokens: 2, max_tokens: 5 })
    if (both.status !== 400) expect(okBody(both, 'both limits').usage.completion_tokens <= 2, `with both limits max_tokens won: ${both.json.usage.completion_tokens} tokens`)
  },
  38: async target => {
    for (const value of [0, -1, 1.5]) await refused(target, { max_tokens: undefined, max_completion_tokens: value })
  },
  39: async target => {
    const { contextTokens } = target
    if (contextTokens !== undefined && contextTokens > 32_768) notApplicable(`a context of ${contextTokens} tokens takes too long to fill`)
    const answer = await target.chat({ max_tokens: undefined, ignore_eos: true }, { timeoutMs: 300_000 })
    const { choices: [choice], usage } = okBody(answer, 'a request without a limit')
    if (choice.finish_reason === 'stop') notApplicable('the model ends by itself, and ignore_eos does not keep it')
    expect(choice.finish_reason === 'length', `finish_reason is ${show(choice.finish_reason)}`)
    if (contextTokens === undefined) return
    expect(Math.abs(usage.total_tokens - contextTokens) <= 1, `the answer ended with length at ${usage.total_tokens} tokens of a context of ${contextTokens}`)
  },
  40: async target => {
    const text = async (seed: number): Promise<string> => (await target.chatOk({ seed, temperature: 1.5 })).choices[0].message.content
    const first = await text(7)
    expect(await text(7) === first, 'two answers of one seed differ')
    const others = await Promise.all([8, 9, 10, 11].map(text))
    expect(others.some(other => other !== first), 'five seeds give one answer')
  },
  41: async target => {
    const text = async (bias: object): Promise<string> => (await target.chatOk({ logit_bias: bias, max_tokens: 3 }, 'logit_bias')).choices[0].message.content
    const [a, b] = [await text({ 40: 100 }), await text({ 41: 100 })]
    expect(a !== b, `forcing token 40 and forcing token 41 give the same text: ${show(a)}`)
    expect(await text({ 40: 100, 41: -100 }) === a && await text({ 40: -100, 41: 100 }) === b, 'a token with -100 wins over one with 100')
    await refused(target, { logit_bias: { 99999999: 1 } })
    await refused(target, { logit_bias: { 40: 101 } })
  },
  42: async target => {
    for (const count of [0, 5, 20]) {
      const { choices: [choice] } = await target.chatOk({ logprobs: true, top_logprobs: count, max_tokens: 2 }, `top_logprobs ${count}`)
      const lengths = choice.logprobs?.content?.map((token: any) => token.top_logprobs?.length)
      expect(lengths?.length > 0 && lengths.every((length: number) => length === count), `with top_logprobs ${count} tokens have ${show(lengths)}`)
    }
    await refused(target, { logprobs: true, top_logprobs: 21 })
    await refused(target, { top_logprobs: 2 })
  },
  52: async target => { await refused(target, { stream_options: { include_usage: true } }) },
  53: async target => {
    const efforts = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max']
    await takesAll(target, efforts.map(effort => ({ reasoning_effort: effort })))
  },
  54: async target => {
    await takesAll(target, [
      { user: 'u1' }, { metadata: { a: 'b' } }, { store: false }, { service_tier: 'auto' }, { safety_identifier: 's' }, { prompt_cache_key: 'k' },
      { verbosity: 'low' }, { modalities: ['text'] }, { prediction: { type: 'content', content: 'x' } }
    ])
    await refused(target, { modalities: ['audio'], audio: { voice: 'alloy', format: 'wav' } })
  },
  55: async target => {
    await takesAll(target, [
      { top_k: 5 }, { min_p: 0.1 }, { repetition_penalty: 1.1 }, { min_tokens: 1 }, { ignore_eos: true }, { stop_token_ids: [5] },
      { chat_template_kwargs: { enable_thinking: false } }, { add_generation_prompt: true },
      { continue_final_message: true, add_generation_prompt: false, messages: [user, { role: 'assistant', content: 'It is' }] },
      { structured_outputs: { choice: ['yes', 'no'] } }, { priority: 1 }, { cache_salt: 'tenant' }
    ])
    const greedy = await target.story()
    const { choices: [choice] } = await target.chatOk({ top_k: 1, temperature: 2, seed: 3 })
    expect(choice.message.content === greedy, 'top_k 1 at temperature 2 is not the greedy answer')
  },
  56: async target => {
    const { largeBodyBytes, stallMs } = target.sizes
    const body = JSON.stringify(target.chatBody({ messages: Array.from({ length: 16 }, () => ({ role: 'user', content: 'mill '.repeat(largeBodyBytes / 80 - 20) })) }))
    const sendLarge = async (): Promise<void> => {
      const { status } = await target.send('/v1/chat/completions', { body, timeoutMs: 120_000 })
      expect([200, 400, 413].includes(status), `a body of ${body.length} bytes got ${status}`)
    }
    const idleMs = await longestWaitMs(target, async () => { await new Promise(resolve => setTimeout(resolve, 500)) })
    const waitsMs: number[] = []
    // What else the machine does adds to a wait, so that the shortest of three tells of the server.
    for (let attempt = 0; attempt < 3 && Math.min(...waitsMs) - idleMs >= stallMs; attempt++) waitsMs.push(await longestWaitMs(target, sendLarge))
    const shortestMs = Math.min(...waitsMs) - idleMs
    expect(shortestMs < stallMs, `another request takes ${shortestMs.toFixed(0)} ms longer beside a body of ${body.length} bytes`)
  }
}

async function refused (target: Target, fields: object): Promise<void> {
  expectRefusal(await target.chat(fields), show(fields), { statuses: [400, 422] })
}

/** The longest that other requests take meanwhile. */
async function longestWaitMs (target: Target, work: () => Promise<void>): Promise<number> {
  let isDone = false
  let longestMs = 0
  const watching = (async () => {
    while (!isDone) {
      // The pause counts: whoever asks in it waits as well.
      const began = performance.now()
      await new Promise(resolve => setTimeout(resolve, 10))
      await target.send('/v1/models')
      longestMs = Math.max(longestMs, performance.now() - began)
    }
  })()
  try {
    await work()
  } finally {
    isDone = true
    await watching
  }
  return longestMs
}

/** Each by itself, so that one sentence can name all that are refused. */
async function takesAll (target: Target, all: readonly object[]): Promise<void> {
  const wrong: string[] = []
  for (const fields of all) {
    const { status } = await target.chat({ max_tokens: 4, ...fields })
    if (status !== 200) wrong.push(`${show(Object.entries(fields).map(([name, value]) => `${name}: ${JSON.stringify(value)}`)[0])} (${status})`)
  }
  if (wrong.length > 0) fail(`refused: ${wrong.join(', ')}`)
}

/** Texts to stop at, at several places, and what comes before them. */
export function stopsOf (whole: string): Array<{ stop: string, kept: string }> {
  const stops = [0.2, 0.5, 0.8].map(share => {
    const from = Math.floor(whole.length * share)
    return whole.slice(from, from + 4)
  })
  return [...new Set(stops)].filter(stop => stop !== '').map(stop => ({ stop, kept: whole.slice(0, whole.indexOf(stop)) }))
}

/** A picture of one red point. */
const redPixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=='
