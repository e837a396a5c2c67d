import { expectRefusal } from '../lib/answers.js'
import { chunksOf, streamedText } from '../lib/events.js'
import type { Checks } from '../lib/run.js'
import type { Stream, Target } from '../lib/target.js'
import { expect, show } from '../lib/verdict.js'
import { stopsOf } from './chat-request.js'

export const completions: Checks = {
  94: async target => {
    for (const prompt of ['The mill', ['The mill', 'The river'], [40, 41, 42], [[40, 41], [42]]]) {
      const { choices } = await target.completeOk({ prompt }, `the prompt ${show(prompt)}`)
      const expected = Array.isArray(prompt) && typeof prompt[0] !== 'number' ? prompt.length : 1
      expect(choices.length === expected, `the prompt ${show(prompt)} gave ${choices.length} choices`)
    }
    await refused(target, { prompt: [99_999_999] })
    await refused(target, { prompt: [-1] })
    await refused(target, { prompt: Array.from({ length: 5000 }, () => 'a'), max_tokens: 1 })
  },
  95: async target => {
    const { usage, choices: [choice] } = await target.completeOk({ max_tokens: undefined, ignore_eos: true }, 'a request without max_tokens')
    const { completion_tokens: tokens } = usage
    const endedItself = choice.finish_reason === 'stop' && tokens < 16
    expect(tokens === 16 || endedItself, `without max_tokens came ${tokens} tokens, and the end ${show(choice.finish_reason)}`)
  },
  96: async target => {
    const prompt = 'The old mill by the river'
    const { text } = await choice(target, { prompt, echo: true })
    expect(text.startsWith(prompt) && text.length > prompt.length, `with echo the text is ${show(text)}`)
    const scored = await target.completeOk({ prompt, echo: true, max_tokens: 0, logprobs: 1 }, 'max_tokens 0 with echo and logprobs')
    const [{ text: echoed, logprobs }] = scored.choices
    expect(echoed === prompt, `with max_tokens 0 the text is ${show(echoed)}`)
    expect(logprobs?.token_logprobs?.length === scored.usage.prompt_tokens, `${scored.usage.prompt_tokens} prompt tokens have ${show(logprobs?.token_logprobs)}`)
  },
  97: async target => {
    const { text, logprobs } = await choice(target, { logprobs: 2, echo: true })
    const { tokens, token_logprobs: values, top_logprobs: top, text_offset: offsets } = logprobs ?? {}
    expect([tokens, values, top, offsets].every(Array.isArray), `logprobs are ${show(logprobs)}`)
    expect([values, top, offsets].every(list => list.length === tokens.length), `logprobs' lists have ${show([tokens, values, top, offsets].map(list => list.length))} entries`)
    expect(values[0] === null, `the first prompt token has the logprob ${show(values[0])}`)
    expect(values.slice(1).every((value: unknown) => typeof value === 'number' && value <= 1e-3), `logprobs are ${show(values)}`)
    for (const [i, token] of tokens.entries()) {
      expect(text.startsWith(token, offsets[i]) || token.includes('\ufffd'), `token ${i}, ${show(JSON.stringify(token))}, is not at ${offsets[i]}`)
    }
    await refused(target, { logprobs: 6 })
  },
  98: async target => {
    await refused(target, { best_of: 1, n: 2 })
    await refused(target, { best_of: 2, stream: true })
    const { status } = await target.complete({ suffix: ' the end.' })
    expect(status === 200 || status === 400, `a suffix got ${status}`)
  },
  99: async target => {
    const plain = await target.completeOk()
    const { events } = await stream(target)
    for (const [body, isPlain] of [[plain, true], ...chunksOf(events).map(chunk => [chunk, false])] as Array<[any, boolean]>) {
      expect(body.object === 'text_completion', `object is ${show(body.object)}${isPlain ? '' : ' in a stream'}`)
      for (const one of body.choices) {
        expect(typeof one.text === 'string' && Number.isInteger(one.index) && 'logprobs' in one, `a choice is ${show(one)}`)
        const reasons = isPlain ? ['stop', 'length', 'content_filter'] : ['stop', 'length', 'content_filter', null]
        expect(reasons.includes(one.finish_reason), `finish_reason is ${show(one.finish_reason)}`)
      }
    }
  },
  100: async target => {
    const prompts = ['The mill', 'The river and the sea']
    const { choices } = await target.completeOk({ prompt: prompts, n: 2 }, 'two prompts with n 2')
    expect(show(choices.map((one: any) => one.index)) === '[0,1,2,3]', `the indexes are ${show(choices.map((one: any) => one.index))}`)
    for (const [i, prompt] of prompts.entries()) {
      const { text } = await choice(target, { prompt })
      expect(choices[i * 2].text === text, `choice ${i * 2} is not the answer to ${show(prompt)}`)
    }
  },
  101: async target => {
    const fields = { max_tokens: 24 }
    const { text: whole } = await choice(target, fields)
    for (const { stop, kept } of stopsOf(whole)) {
      const stopped = await choice(target, { ...fields, stop: [stop] })
      expect(stopped.text === kept && stopped.finish_reason === 'stop', `with stop ${show(JSON.stringify(stop))} the text is ${show(JSON.stringify(stopped.text))} (${stopped.finish_reason})`)
    }
    const warm = { ...fields, seed: 4, temperature: 1.5 }
    expect((await choice(target, warm)).text === (await choice(target, warm)).text, 'two answers of one seed differ')
    const { events } = await stream(target, { ...fields, stream_options: { include_usage: true } })
    expect(streamedText(events) === whole, 'the joined texts of the stream are not the plain answer')
    expect(events.at(-1)?.data === '[DONE]', `the stream's last event is ${show(events.at(-1)?.data)}`)
    const totals = chunksOf(events).at(-1)
    const { prompt_tokens: prompt, completion_tokens: completion, total_tokens: total } = totals?.usage ?? {}
    expect(totals?.choices.length === 0 && prompt + completion === total, `the stream's usage is ${show(totals)}`)
  }
}

async function choice (target: Target, fields: object): Promise<any> {
  return (await target.completeOk(fields, show(fields))).choices[0]
}

async function stream (target: Target, fields: object = {}): Promise<Stream> {
  return await target.stream('/v1/completions', target.completionBody(fields))
}

async function refused (target: Target, fields: object): Promise<void> {
  expectRefusal(await target.complete(fields), show(fields), { statuses: [400, 422] })
}
