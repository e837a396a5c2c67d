import type { Checks } from '../lib/run.js'
import type { Target } from '../lib/target.js'
import { expect, show } from '../lib/verdict.js'

const finishReasons = ['stop', 'length', 'tool_calls', 'content_filter', 'function_call']

export const chatAnswer: Checks = {
  57: async target => {
    const body = await target.chatOk()
    expect(/^chatcmpl-./.test(String(body.id)), `id is ${show(body.id)}`)
    expect(body.object === 'chat.completion', `object is ${show(body.object)}`)
    expect(Math.abs(body.created - Date.now() / 1000) < 86_400, `created is ${show(body.created)}, and not now in seconds`)
    expect(body.model === target.model, `model is ${show(body.model)}, and ${show(target.model)} was asked for`)
    expect(Array.isArray(body.choices) && body.choices.length === 1, `choices are ${show(body.choices)}`)
    expect(body.choices[0].index === 0, `index is ${show(body.choices[0].index)}`)
    expect(typeof body.usage === 'object' && body.usage !== null, `usage is ${show(body.usage)}`)
  },
  58: async target => {
    const { message } = (await target.chatOk()).choices[0]
    expect(message.role === 'assistant', `role is ${show(message.role)}`)
    expect(message.content === null || typeof message.content === 'string', `content is ${show(message.content)}`)
    expect(message.refusal === null, `refusal is ${message.refusal === undefined ? 'missing' : show(message.refusal)}`)
  },
  59: async target => {
    const cut = (await target.chatOk({ max_tokens: 1 })).choices[0].finish_reason
    expect(cut === 'length' || cut === 'stop', `after one token finish_reason is ${show(cut)}`)
    const stopped = (await target.chatOk({ stop: (await target.story()).slice(0, 2) })).choices[0].finish_reason
    expect(stopped === 'stop', `at a stop text finish_reason is ${show(stopped)}`)
    const { choices } = await target.chatOk({ n: 4, temperature: 1, max_tokens: 40 })
    for (const { finish_reason: reason } of choices) expect(finishReasons.includes(reason), `finish_reason is ${show(reason)}`)
  },
  62: async target => {
    const one = (await target.chatOk({ max_tokens: 4 })).usage
    const { prompt_tokens: prompt, completion_tokens: completion, total_tokens: total } = one
    expect(prompt > 0 && completion > 0 && prompt + completion === total, `usage is ${show(one)}`)
    const [first] = (target.chatBody() as any).messages
    const two = (await target.chatOk({ max_tokens: 4, messages: [first, { role: 'assistant', content: 'Yes.' }, first] })).usage
    expect(two.prompt_tokens > prompt * 2, `${prompt} prompt tokens for one message, ${two.prompt_tokens} for it twice and an answer between`)
    const bare = (await target.completeOk({ prompt: first.content, max_tokens: 1 })).usage
    expect(prompt > bare.prompt_tokens, `${prompt} prompt tokens as a message, ${bare.prompt_tokens} as a text: the template is not counted`)
  },
  63: async target => {
    const { usage } = await target.chatOk({ messages: [{ role: 'user', content: `${Math.random()} is a number` }], max_tokens: 1 })
    const { cached_tokens: cached } = usage.prompt_tokens_details ?? {}
    expect(Number.isInteger(cached) && cached >= 0, `prompt_tokens_details is ${show(usage.prompt_tokens_details)}`)
  },
  65: async target => {
    const [without] = (await target.chatOk()).choices
    expect(without.logprobs === null, `unasked, logprobs are ${without.logprobs === undefined ? 'missing' : show(without.logprobs)}`)
    for (const count of [undefined, 2]) {
      const { logprobs } = (await target.chatOk({ logprobs: true, top_logprobs: count, max_tokens: 3 })).choices[0]
      expect(Array.isArray(logprobs?.content) && logprobs.content.length > 0, `logprobs are ${show(logprobs)}`)
      expect(logprobs.refusal === null, `logprobs.refusal is ${logprobs.refusal === undefined ? 'missing' : show(logprobs.refusal)}`)
      for (const { token, logprob, top_logprobs: top } of logprobs.content) {
        expect(typeof token === 'string' && typeof logprob === 'number' && Array.isArray(top), `a token is ${show({ token, logprob, top_logprobs: top })}`)
        expect(top.length === (count ?? 0), `top_logprobs has ${top.length} entries, and ${count ?? 0} were asked for`)
      }
    }
  },
  66: async target => {
    // Nearly everything is impossible: one token is left, or a few are.
    for (const fields of [{ logit_bias: { 40: 100 } }, { temperature: 1, top_k: 1 }, { temperature: 1, top_p: 0.01 }, { temperature: 0.01 }]) {
      for (const { logprob } of await tokensOf(target, { ...fields, top_logprobs: 20 })) {
        expect(typeof logprob === 'number' && logprob <= 1e-3 && logprob >= -9999, `with ${show(fields)} a logprob is ${show(logprob)}`)
      }
    }
  },
  67: async target => {
    for (const fields of [{}, { temperature: 2, seed: 3 }, { messages: [{ role: 'user', content: 'Write: é 水 😀 ñ 中文' }], temperature: 1 }]) {
      const { choices: [choice] } = await target.chatOk({ ...fields, logprobs: true, top_logprobs: 1, max_tokens: 40 })
      const bytes: number[] = choice.logprobs.content.flatMap((token: any) => token.bytes)
      expect(bytes.every(byte => Number.isInteger(byte) && byte >= 0 && byte < 256), 'bytes are no bytes')
      const text = Buffer.from(bytes).toString('utf8')
      expect(text === choice.message.content, `the bytes read ${show(JSON.stringify(text))}, the content ${show(JSON.stringify(choice.message.content))}`)
    }
  },
  68: async target => {
    const [one, two] = [await target.chatOk({ max_tokens: 1 }), await target.chatOk({ max_tokens: 2, temperature: 1 })].map(body => body.system_fingerprint)
    expect(one === null || typeof one === 'string', `system_fingerprint is ${one === undefined ? 'missing' : show(one)}`)
    expect(one === two, `system_fingerprint changes from ${show(one)} to ${show(two)}`)
  }
}

/** All tokens of an answer, their alternatives among them. */
async function tokensOf (target: Target, fields: object): Promise<any[]> {
  const { choices: [choice] } = await target.chatOk({ ...fields, logprobs: true, max_tokens: 3 })
  return choice.logprobs.content.flatMap((token: any) => [token, ...token.top_logprobs])
}
