import { readFile } from 'node:fs/promises'
import t from 'tap'
import { ChatTemplate, defaultTemplateLimits, type ChatInput, type TemplateLimits } from '../../../src/model/chat/chat-template.js'
import { templateFor, templateSources } from '../../../src/model/chat/template-source.js'

const specials = { control: ['<|im_start|>', '<|im_end|>'], markup: ['<think>', '</think>', '<tool_call>'] }

function chat (template: string, limits: Partial<TemplateLimits> = {}): ChatTemplate {
  return new ChatTemplate({ default: template }, { bos_token: '<s>' }, specials, { ...defaultTemplateLimits, ...limits })
}

const user = (content: string): ChatInput => ({ messages: [{ role: 'user', content }] })
const plain = '{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content | trim }}<|im_end|>\n{% endfor %}'

interface References {
  templates: Record<string, string>
  specials: Record<string, string>
  cases: Array<{
    template: string, messages: unknown[], tools: unknown[] | null, add_generation_prompt: boolean
    variables: Record<string, unknown>, text?: string, error?: string
  }>
}

t.test('conversations are rendered as transformers renders them', async t => {
  // Made by ../references/make_chat.py.
  const references = JSON.parse(await readFile(new URL('../references/chat.json', import.meta.url), 'utf8')) as References
  for (const [name, source] of Object.entries(references.templates)) {
    const template = new ChatTemplate({ default: source }, references.specials, { control: ['<|eot_id|>'], markup: [] })
    for (const { messages, tools, add_generation_prompt: addGenerationPrompt, variables, text, error } of
      references.cases.filter(({ template }) => template === name)) {
      const rendering = template.render({ messages, tools: tools ?? undefined, addGenerationPrompt, variables })
      if (error === undefined) t.equal((await rendering).text, text, `${name} ${JSON.stringify(messages)}`)
      else await t.rejects(rendering, { code: 'ERR_CHAT_TEMPLATE', statusCode: 400, message: error })
    }
    await template.close()
  }
  t.ok(references.cases.length > 40)
})

t.test('look-alikes in a message are guarded, and templates can still trim it', async t => {
  const template = chat(plain)
  const { text, guard } = await template.render(user('  a <|im_end|> <think> b '))
  t.equal(text, `<|im_start|>user\na <${guard!}|im_end|> <${guard!}think> b<|im_end|>\n`)
  t.equal((await template.render(user('nothing special'))).guard, undefined)
  await template.close()
})

t.test('what the assistant wrote may hold markup, but no control token', async t => {
  const template = chat('{{ messages[0].content.split("</think>")[-1] }}')
  const input = { messages: [{ role: 'assistant', content: '<think>hm</think>yes<|im_end|>' }] }
  const { text, guard } = await template.render(input)
  t.equal(text, `yes<${guard!}|im_end|>`)
  await template.close()
})

t.test('tools, names and variables are other people\'s text as well', async t => {
  const template = chat('{{ tools | tojson }} {{ messages[0].name }} {{ hint }}')
  const { text, guard } = await template.render({
    messages: [{ role: 'user', content: '', name: '<|im_end|>' }],
    tools: [{ '<|im_start|>': '<tool_call>' }],
    variables: { hint: '</think>' }
  })
  const g = guard!
  t.equal(text, `[{"<${g}|im_start|>": "<${g}tool_call>"}] <${g}|im_end|> <${g}/think>`)
  await template.close()
})

t.test('the order of a message\'s fields is kept', async t => {
  const template = chat('{{ messages[0] | tojson }}')
  const message = { z: 1, content: '<|im_end|>', role: 'user', a: 2 }
  const { text, guard } = await template.render({ messages: [message] })
  t.equal(text.replaceAll(guard!, ''), '{"z": 1, "content": "<|im_end|>", "role": "user", "a": 2}')
  await template.close()
})

t.test('a template that asks for JSON in ASCII keeps the guards as they are', async t => {
  const template = chat('{{ messages[0].content | tojson(ensure_ascii=true) }}')
  const { text, guard } = await template.render(user('é <|im_end|> \\ufdd0'))
  t.equal(guard, '\uFDD1', 'the escape of the first guard is in the text')
  t.equal(text, `"\\u00e9 <${guard!}|im_end|> \\\\ufdd0"`)
  await template.close()
})

t.test('a message that holds the guard\'s character gets another guard', async t => {
  const template = chat(plain)
  const { text, guard } = await template.render(user('\uFDD0<|im_end|>'))
  t.equal(guard, '\uFDD1')
  t.ok(text.includes('\uFDD0<\uFDD1|im_end|>'))
  await template.close()
})

t.test('the message of raise_exception becomes the error', async t => {
  const template = chat('{{ raise_exception("Only users here: " ~ messages[0].role) }}')
  await t.rejects(template.render({ messages: [{ role: 'tool', content: '' }] }),
    { code: 'ERR_CHAT_TEMPLATE', statusCode: 400, message: 'Only users here: tool' })
  await template.close()
})

t.test('a template that cannot be parsed or run says so', async t => {
  for (const source of ['{% if %}', '{{ messages | nosuchfilter }}', '{{ messages[0].content.nosuch() }}']) {
    const template = chat(source)
    await t.rejects(template.render(user('x')), { code: 'ERR_CHAT_TEMPLATE', message: /^The chat template failed: / }, source)
    await template.close()
  }
})

t.test('a template that does not end is stopped, and the next conversation is rendered', async t => {
  const template = chat('{% if forever %}{% for i in range(1000000) %}{% for j in range(1000000) %}{% endfor %}{% endfor %}{% endif %}ok',
    { timeoutMs: 300 })
  const slow = t.rejects(template.render({ ...user('x'), variables: { forever: true } }), { message: /took longer than 300 ms/ })
  const next = template.render(user('x'))
  await slow
  t.equal((await next).text, 'ok')
  await template.close()
})

t.test('the event loop runs on while a template is slow', async t => {
  const template = chat('{% for i in range(100000000) %}{% endfor %}', { timeoutMs: 400 })
  let ticks = 0
  const timer = setInterval(() => { ticks++ }, 5)
  await t.rejects(template.render(user('x')), { code: 'ERR_CHAT_TEMPLATE' })
  clearInterval(timer)
  t.ok(ticks > 5, `${ticks} ticks`)
  await template.close()
})

t.test('too much output, input or memory is an error with the number', async t => {
  const output = chat('{% for i in range(2000) %}{{ messages[0].content }}{% endfor %}', { maxOutputChars: 1000 })
  await t.rejects(output.render(user('abc')), { message: /wrote 6000 characters; at most 1000/ })
  await output.close()
  const input = chat(plain, { maxInputChars: 10 })
  await t.rejects(input.render(user('x'.repeat(11))), { message: /have 26 characters; at most 10/ })
  const memory = chat('{% set ns = namespace(list=[1, 2, 3, 4]) %}{% for i in range(40) %}{% set ns.list = ns.list + ns.list %}{% endfor %}',
    { maxHeapMib: 32, timeoutMs: 20_000 })
  await t.rejects(memory.render(user('x')), { code: 'ERR_CHAT_TEMPLATE' })
  await memory.close()
})

t.test('a value that is not JSON is refused, and the next conversation is rendered', async t => {
  const template = chat(plain)
  const notJson = { messages: [{ role: 'user', content: () => 'x' }] }
  await t.rejects(template.render(notJson), { code: 'ERR_CHAT_TEMPLATE', message: /must be plain JSON values/ }, 'before the thread has loaded')
  t.ok((await template.render(user('x'))).text)
  await t.rejects(template.render(notJson), { code: 'ERR_CHAT_TEMPLATE', message: /must be plain JSON values/ }, 'after it has loaded')
  await template.close()
})

t.test('values nested too deep are refused before the template sees them', async t => {
  let deep: unknown = 'end'
  for (let i = 0; i < 150; i++) deep = [deep]
  const template = chat(plain)
  await t.rejects(template.render({ ...user('x'), variables: { deep } }), { code: 'ERR_INVALID_PARAMETER' })
})

t.test('more variables than a template reads are refused before they are copied', async t => {
  const template = chat(plain)
  const many = Object.fromEntries(Array.from({ length: 10_001 }, (_, i) => [`v${i}`, i]))
  for (const variables of [many, { a: { b: many } }, { a: Array<number>(10_001).fill(0) }]) {
    await t.rejects(template.render({ ...user('x'), variables }), { code: 'ERR_INVALID_PARAMETER', param: 'chat_template_kwargs', message: /more than 10000 values/ })
  }
  await template.close()
})

t.setTimeout(120_000)

// 2 s in production: no rendering has more, whatever is sent.
const timeoutMs = 400
const hostile: ReadonlyArray<readonly [string, string, Record<string, unknown>, RegExp]> = [
  ['steps', '{% for i in range(turns) %}{% for j in range(turns) %}{% endfor %}{% endfor %}', { turns: 1e6 }, /took longer than 400 ms/],
  ['output', '{% for i in range(turns) %}{{ messages[0].content }}{% endfor %}', { turns: 20 }, /wrote \d+ characters; at most 1000/],
  ['memory', '{% set ns = namespace(list=[1, 2, 3, 4]) %}{% for i in range(turns) %}{% set ns.list = ns.list + ns.list %}{% endfor %}', { turns: 60 }, /took longer|needed more than 64 MiB/]
]

for (const [what, source, variables, message] of hostile) {
  t.test(`a conversation that asks for endless ${what} fails alone, and delays the one behind it by no more than its time and a thread's start`, async t => {
    const template = chat(`{% if turns %}${source}{% endif %}{{ messages[0].content }}`, { timeoutMs, maxOutputChars: 1000, maxHeapMib: 64 })
    const startMs = performance.now()
    await template.render(user('first'))
    const threadMs = performance.now() - startMs
    const sentMs = performance.now()
    const failed = t.rejects(template.render({ ...user('x'.repeat(100)), variables }), { code: 'ERR_CHAT_TEMPLATE', statusCode: 400, message })
    t.equal((await template.render(user('behind it'))).text, 'behind it')
    const waitedMs = performance.now() - sentMs
    await failed
    // Machines under load start threads late; without the bound it would never be its turn.
    t.ok(waitedMs < timeoutMs + 4 * threadMs + 10_000, `${waitedMs.toFixed(0)} ms; a thread takes ${threadMs.toFixed(0)} ms`)
    await template.close()
  })
}

t.test('variables of the template\'s own cannot be set from outside', async t => {
  const template = chat(plain)
  for (const name of ['messages', 'bos_token', 'raise_exception', 'range']) {
    await t.rejects(template.render({ ...user('x'), variables: { [name]: 1 } }),
      { code: 'ERR_INVALID_PARAMETER', statusCode: 400, message: new RegExp(`variable ${name} cannot be set`) })
  }
})

t.test('a list of named templates has a default, and perhaps one for tools', async t => {
  const sources = templateSources([{ name: 'default', template: 'D' }, { name: 'tool_use', template: 'T' }], 'x.json')!
  t.equal(templateFor(sources, true), 'tool_use')
  t.equal(templateFor(sources, false), 'default')
  t.equal(templateFor({ default: 'D' }, true), 'default')
  t.equal(templateSources(undefined, 'x.json'), undefined)
  t.throws(() => templateSources([{ name: 'rag', template: 'R' }], 'x.json'), { message: /no template named "default"/ })
  t.throws(() => templateSources(7, 'x.json'), { code: 'ERR_MODEL_FILES' })
})
