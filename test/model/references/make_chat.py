"""Writes chat.json: conversations rendered by Hugging Face transformers with templates of several styles.

Run from anywhere, with test/fixtures/generate/requirements.txt installed: python make_chat.py
"""

import json
from pathlib import Path

from transformers.utils.chat_template_utils import render_jinja_template

TEMPLATES = {
    'headers': '''{{- bos_token }}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content'] | trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = '' %}
{%- endif %}
{%- macro header(role) %}{{ '<|start_header_id|>' ~ role ~ '<|end_header_id|>\\n\\n' }}{%- endmacro %}
{{- header('system') }}
{%- if tools is not none %}
{{- 'Functions:\\n' }}
    {%- for tool in tools %}
{{- tool | tojson(indent=4) }}
{{- '\\n\\n' }}
    {%- endfor %}
{%- endif %}
{{- system_message + '<|eot_id|>' }}
{%- for message in messages %}
    {%- if message.tool_calls is defined and message.tool_calls %}
        {%- set call = message.tool_calls[0].function %}
{{- header('assistant') + '{"name": "' + call.name + '", "parameters": ' + (call.arguments | tojson) + '}<|eot_id|>' }}
    {%- else %}
{{- header(message['role']) + message['content'] | trim + '<|eot_id|>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ header('assistant') }}{% endif %}
''',
    'thinking': '''{%- set ns = namespace(last=messages | length - 1) %}
{%- for message in messages[::-1] %}
    {%- if message.role == 'user' and not message.content.startswith('<tool_response>') and ns.last == messages | length - 1 %}
        {%- set ns.last = messages | length - 1 - loop.index0 %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- set content = message.content %}
    {%- if message.role == 'assistant' and '</think>' in content %}
        {%- set content = content.split('</think>')[-1].lstrip('\\n').rstrip('\\n ') %}
    {%- endif %}
    {{- '<|im_start|>' + message.role + '\\n' + content }}
    {%- for call in message.tool_calls or [] %}
        {{- '\\n<tool_call>\\n' ~ {'name': call.function.name, 'arguments': call.function.arguments} | tojson ~ '\\n</tool_call>' }}
    {%- endfor %}
    {{- '<|im_end|>\\n' }}
{%- endfor %}
{%- if tools %}{{ tools | map(attribute='function') | map(attribute='name') | join(', ') }}{% endif %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and not enable_thinking %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}
{%- endif %}
''',
    'brackets': '''{{ bos_token }}{% for message in messages %}
{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate user/assistant/user/assistant/...') }}{% endif %}
{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}
{% else %}{{ ' ' + message['content'] | trim + eos_token }}
{% endif %}{% endfor %}
''',
}

CONVERSATIONS = [
    [{'role': 'user', 'content': 'Hello'}],
    [{'role': 'system', 'content': '  Be brief. \n'}, {'role': 'user', 'content': '\n 1 < 2 && "x"\t'}],
    [{'role': 'user', 'content': 'née 漢字 🙂'}, {'role': 'assistant', 'content': '<think>\nhm\n</think>\n\n  Yes.\t \n'},
     {'role': 'user', 'content': 'So?'}],
    [{'role': 'user', 'content': 'Weather?'},
     {'role': 'assistant', 'content': '', 'tool_calls': [
         {'type': 'function', 'function': {'name': 'weather', 'arguments': {'city': 'Zürich', 'days': 2, 'f': 1.5, 'x': None}}}]},
     {'role': 'tool', 'content': '{"t": 3}'}],
]
TOOLS = [{'type': 'function', 'function': {'name': 'weather', 'description': "It's <b>", 'parameters': {
    'type': 'object', 'properties': {'city': {'type': 'string'}, 'deep': {'enum': [1, True, [], {}]}}}}}]
SPECIALS = {'bos_token': '<s>', 'eos_token': '</s>'}
VARIANTS = [
    {'tools': None, 'add_generation_prompt': True, 'variables': {}},
    {'tools': TOOLS, 'add_generation_prompt': True, 'variables': {}},
    {'tools': None, 'add_generation_prompt': False, 'variables': {'enable_thinking': False}},
    {'tools': None, 'add_generation_prompt': True, 'variables': {'enable_thinking': False}},
]


def render(template: str, messages: list, variant: dict) -> dict:
    try:
        texts, _ = render_jinja_template([messages], tools=variant['tools'], chat_template=template,
                                         add_generation_prompt=variant['add_generation_prompt'],
                                         **variant['variables'], **SPECIALS)
        return {'text': texts[0]}
    except Exception as error:  # raise_exception gives jinja2's TemplateError
        return {'error': str(error)}


def main() -> None:
    cases = [{'template': name, 'messages': messages, **variant, **render(template, messages, variant)}
             for name, template in TEMPLATES.items() for messages in CONVERSATIONS for variant in VARIANTS]
    path = Path(__file__).with_name('chat.json')
    rows = ',\n'.join(json.dumps(case, ensure_ascii=False) for case in cases)
    head = json.dumps({'templates': TEMPLATES, 'specials': SPECIALS}, ensure_ascii=False)[:-1]
    path.write_text(f'{head}, "cases": [\n{rows}\n]}}\n', encoding='utf-8')


if __name__ == '__main__':
    main()
