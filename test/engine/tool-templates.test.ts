import t from 'tap'
import { callIds } from '../../src/engine/call-ids.js'
import { ChoiceMessages } from '../../src/engine/choice-messages.js'
import { CallParser } from '../../src/model/chat/tool-calls/call-parser.js'
import { detectToolFormat } from '../../src/model/chat/tool-calls/detect-format.js'
import { ChatTemplate } from '../../src/model/chat/chat-template.js'

// Templates in the manner of each family, made for this test: how they repeat calls, and what they refuse.

const qwen = `{%- for m in messages %}
{{- '<|im_start|>' + ('user' if m.role == 'tool' else m.role) + '\\n' }}
{%- if m.role == 'tool' %}{{- '<tool_response>\\n' + m.content + '\\n</tool_response>' }}
{%- else %}{{- m.content }}
{%- for call in m.tool_calls or [] %}
{%- if m.content or not loop.first %}{{- '\\n' }}{% endif %}
{{- '<tool_call>\\n{"name": "' + call.function.name + '", "arguments": ' }}{{- call.function.arguments | tojson }}{{- '}\\n</tool_call>' }}
{%- endfor %}{% endif %}{{- '<|im_end|>\\n' }}
{%- endfor %}{{- '<|im_start|>assistant\\n' }}`

const llama = `{%- for m in messages %}
{{- '<|start_header_id|>' + ('ipython' if m.role == 'tool' else m.role) + '<|end_header_id|>\\n\\n' }}
{%- if m.tool_calls %}
{%- if m.tool_calls | length != 1 %}{{ raise_exception('one call at a time') }}{% endif %}
{{- '{"name": "' + m.tool_calls[0].function.name + '", "parameters": ' }}{{- m.tool_calls[0].function.arguments | tojson }}{{- '}' }}
{%- else %}{{- m.content }}{% endif %}{{- '<|eot_id|>' }}
{%- endfor %}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}`

const mistral = `{%- for m in messages %}{% if m.role == 'tool' %}[TOOL_RESULTS]{"content": {{ m.content | tojson }}, "call_id": "{{ m.tool_call_id }}"}[/TOOL_RESULTS]
{%- elif m.tool_calls %}[TOOL_CALLS] [{% for call in m.tool_calls %}{% if call.id | length != 9 %}{{ raise_exception('ids have nine characters') }}{% endif %}{"name": {{ call.function.name | tojson }}, "arguments": {{ call.function.arguments | tojson }}, "id": "{{ call.id }}"}{% if not loop.last %}, {% endif %}{% endfor %}]</s>
{%- elif m.role == 'user' %}[INST] {{ m.content }}[/INST]{% else %}{{ m.content }}</s>{% endif %}{% endfor %}`

const cases = [
  { name: 'hermes', source: qwen, answer: 'Let me see.\n<tool_call>\n{"name": "weather", "arguments": {"city": "Köln", "days": 2}}\n</tool_call>', content: 'Let me see.' },
  { name: 'llama3', source: llama, answer: '{"name": "weather", "parameters": {"city": "Köln", "days": 2}}', content: '' },
  // The ids are the template's addition.
  { name: 'mistral', source: mistral, answer: '[TOOL_CALLS] [{"name": "weather", "arguments": {"city": "Köln", "days": 2}', content: '' }
]

for (const { name, source, answer, content } of cases) {
  t.test(`${name}: a template of its manner takes the call and the result, and repeats the call as the model wrote it`, async t => {
    const format = detectToolFormat(source)!
    t.equal(format.name, name)
    const parser = new CallParser(format)
    const whole = name === 'mistral' ? `${answer}}]` : answer
    const calls = [...parser.push(whole), ...parser.end(true)].flatMap(part => part.calls ?? [])
    const messages = new ChoiceMessages()
    const idOf = callIds(7n, 20, format.hasShortIds)
    const [call] = messages.addCalls({ text: content, reasoning: '' }, calls.map((taken, i) => ({ ...taken, id: idOf(i) })))
    t.match(call, { name: 'weather', arguments: { city: 'Köln', days: 2 }, id: name === 'mistral' ? /^[0-9a-z]{9}$/ : /^call_[0-9a-z]{13}$/ })
    messages.addResults([{ callId: call!.id, name: 'weather', content: '17 degrees', isError: false, durationMs: 1 }])
    t.same(messages.open, [])
    const template = new ChatTemplate({ default: source }, {}, { control: ['<|im_end|>'], markup: ['<tool_call>'] })
    const before = await template.render({ messages: [{ role: 'user', content: 'How?' }] })
    const after = await template.render({ messages: [{ role: 'user', content: 'How?' }, ...messages.added] })
    t.ok(after.text.startsWith(before.text + answer), after.text)
    t.match(after.text, '17 degrees')
    await template.close()
  })
}

t.test('ids follow from the seed, and are others in the next turn', async t => {
  const ids = (seed: bigint, promptTokens: number): string[] => [0, 1].map(callIds(seed, promptTokens, true))
  t.same(ids(1n, 10), ids(1n, 10))
  t.equal(new Set([...ids(1n, 10), ...ids(1n, 11), ...ids(2n, 10), ...ids(1n, 200)]).size, 8)
})
