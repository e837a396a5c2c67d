import { ApiError, chat, type FakeEvent, type FakeRequest, type Reply } from './fake-api.js'

/** POST /v1/responses, made of a chat answer. */
export function respond ({ path, body, salt }: FakeRequest): Reply {
  if (body.previous_response_id !== undefined) throw new ApiError(404, 'There is no such response.', 'previous_response_id')
  const response = responseOf(chat({ path, body: chatBody(body), salt }).json, body)
  if (body.stream !== true) return { status: 200, headers: {}, json: response, slowTokens: 0 }
  return { status: 200, headers: {}, events: eventsOf(response), slowTokens: 0 }
}

function chatBody (body: any): any {
  const input: any[] = typeof body.input === 'string' ? [{ role: 'user', content: body.input }] : body.input
  const messages = input.map(item => item.role !== undefined
    ? { role: item.role, content: typeof item.content === 'string' ? item.content : item.content.map((part: any) => part.text).join('') }
    : { role: 'assistant', content: JSON.stringify(item) })
  const { format } = body.text ?? {}
  return {
    model: body.model,
    messages,
    temperature: body.temperature,
    max_tokens: body.max_output_tokens,
    ...body.tools === undefined ? {} : { tools: body.tools.map((tool: any) => ({ type: 'function', function: tool })), tool_choice: body.tool_choice },
    ...format === undefined ? {} : { response_format: { type: format.type, json_schema: format } }
  }
}

function responseOf (answer: any, body: any): any {
  const { message, finish_reason: finish } = answer.choices[0]
  const isCut = finish === 'length'
  const output = message.tool_calls === undefined
    ? [{ type: 'message', id: 'msg_1', role: 'assistant', status: 'completed', content: [{ type: 'output_text', text: message.content, annotations: [] }] }]
    : message.tool_calls.map((call: any, i: number) => ({ type: 'function_call', id: `fc_${i}`, call_id: call.id, ...call.function, status: 'completed' }))
  return {
    id: 'resp_1', object: 'response', created_at: answer.created, model: body.model,
    status: isCut ? 'incomplete' : 'completed', error: null, incomplete_details: isCut ? { reason: 'max_output_tokens' } : null,
    output: [{ type: 'reasoning', id: 'rs_1', summary: [], content: [{ type: 'reasoning_text', text: message.reasoning_content }] }, ...output],
    usage: {
      input_tokens: answer.usage.prompt_tokens, output_tokens: answer.usage.completion_tokens, total_tokens: answer.usage.total_tokens,
      input_tokens_details: { cached_tokens: 0 }, output_tokens_details: { reasoning_tokens: 4 }
    }
  }
}

function eventsOf (response: any): FakeEvent[] {
  const events: FakeEvent[] = []
  const add = (name: string, fields: object): void => {
    events.push({ name: `response.${name}`, json: { type: `response.${name}`, sequence_number: events.length, ...fields } })
  }
  const begun = { ...response, status: 'in_progress', output: [] }
  add('created', { response: begun })
  add('in_progress', { response: begun })
  // The item that answers first, and reasoning behind it: its own events are told apart by type.
  for (const [index, item] of [...response.output].reverse().entries()) {
    const place = { item_id: item.id, output_index: index, content_index: 0 }
    add('output_item.added', { output_index: index, item })
    if (item.type === 'function_call') {
      for (const delta of [item.arguments.slice(0, 3), item.arguments.slice(3)]) add('function_call_arguments.delta', { ...place, delta })
      add('function_call_arguments.done', { ...place, arguments: item.arguments })
    } else {
      const { text } = item.content[0]
      const kind = item.type === 'reasoning' ? 'reasoning_text' : 'output_text'
      add('content_part.added', { ...place, part: { type: kind, text: '' } })
      for (const delta of [text.slice(0, 4), text.slice(4)]) add(`${kind}.delta`, { ...place, delta })
      add(`${kind}.done`, { ...place, text })
      add('content_part.done', { ...place, part: item.content[0] })
    }
    add('output_item.done', { output_index: index, item })
  }
  add(response.status, { response })
  return events
}
