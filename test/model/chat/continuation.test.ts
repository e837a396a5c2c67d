import t from 'tap'
import { ChatTemplate } from '../../../src/model/chat/chat-template.js'
import { renderUnfinished } from '../../../src/model/chat/continuation.js'

const specials = { control: ['<|im_start|>', '<|im_end|>'], markup: ['<think>'] }
const chat = (template: string): ChatTemplate => new ChatTemplate({ default: template }, { bos_token: '<s>' }, specials)
const plain = '{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content | trim }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}'
const user = { role: 'user', content: 'Tell me.' }

t.test('the text ends where the last message does, its trailing space too', async t => {
  const template = chat(plain)
  for (const content of ['It is', 'It is ', 'It\n\n']) {
    const { text } = await renderUnfinished(template, { messages: [user, { role: 'assistant', content }] })
    t.equal(text, `<|im_start|>user\nTell me.<|im_end|>\n<|im_start|>assistant\n${content}`)
  }
  await template.close()
})

t.test('look-alikes in it are guarded, and a message that stood there before is no end', async t => {
  const template = chat(plain)
  const same = { role: 'assistant', content: 'So <|im_end|>' }
  const { text, guard } = await renderUnfinished(template, { messages: [same, user, same] })
  t.equal(text, `<|im_start|>assistant\nSo <${guard!}|im_end|><|im_end|>\n<|im_start|>user\nTell me.<|im_end|>\n<|im_start|>assistant\nSo <${guard!}|im_end|>`)
  await template.close()
})

t.test('a template that writes no such message is an error', async t => {
  const template = chat('{% for m in messages if m.role == "user" %}{{ m.content }}{% endfor %}')
  await t.rejects(renderUnfinished(template, { messages: [user, { role: 'assistant', content: 'It is' }] }),
    { code: 'ERR_CHAT_TEMPLATE', message: /does not write the last message as it is/ })
  await template.close()
})
