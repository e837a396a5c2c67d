import type { Reply } from './fake-api.js'
import type { Fault } from './fake-server.js'

type Faults = Readonly<Record<string, Fault>>
type Edit = (json: any, body: any, reply: Reply) => void

const chatPath = '/v1/chat/completions'

/** Changes plain answers of a path. */
function plain (path: string, edit: Edit): Fault {
  return { reply: (reply, at, body) => { if (at === path && reply.status === 200 && reply.events === undefined) edit(reply.json, body, reply) } }
}

const answer = (edit: Edit): Fault => plain(chatPath, edit)
const choice = (edit: Edit): Fault => answer((json, body, reply) => { json.choices.forEach((one: any) => { edit(one, body, reply) }) })
const completion = (edit: Edit): Fault => plain('/v1/completions', edit)

/** Changes the errors of all paths. */
function error (edit: Edit): Fault {
  return { reply: (reply, _, body) => { if (reply.status >= 400) edit(reply.json, body, reply) } }
}

/** Answers with another status, and an error, where the request is so. */
function status (code: number, isSo: (body: any, path: string, reply: Reply) => boolean): Fault {
  return {
    reply: (reply, path, body) => {
      if (!isSo(body ?? {}, path, reply)) return
      reply.status = code
      delete reply.events
      reply.json = { error: { message: 'wrong', type: 'x', param: null, code: null } }
    }
  }
}

const refuses = (isSo: (body: any, path: string) => boolean): Fault => status(400, isSo)
const hasField = (...fields: readonly string[]) => (body: any): boolean => fields.some(field => body[field] !== undefined)

/** Does not see what is wrong with a request. */
function overlooks (edit: (body: any) => void): Fault {
  return { request: body => { if (typeof body === 'object' && body !== null) edit(body) } }
}

const drops = (...fields: readonly string[]): Fault => overlooks(body => { for (const field of fields) delete body[field] })
const dropsIf = (field: string, isSo: (value: any) => boolean): Fault => overlooks(body => { if (body[field] !== undefined && isSo(body[field])) delete body[field] })

/** Changes the events of a stream, at any path. */
function events (edit: (events: NonNullable<Reply['events']>, body: any, reply: Reply) => void): Fault {
  return { reply: (reply, _, body) => { if (reply.events !== undefined) edit(reply.events, body, reply) } }
}

/** Changes the first stream with two choices: in item 93 that of the slow reader. */
function slowOnly (edit: (events: NonNullable<Reply['events']>) => void): Fault {
  let isFirst = true
  return events((all, body) => {
    if (body.n === 2 && isFirst) {
      isFirst = false
      edit(all)
    }
  })
}

/** Changes each chunk of a stream. */
function chunk (edit: (json: any, at: number) => void): Fault {
  return events(all => { all.filter(event => event.json !== undefined).forEach(({ json }, i) => { edit(json, i) }) })
}

const delta = (edit: (choice: any, delta: any) => void): Fault => chunk(json => { (json.choices ?? []).forEach((one: any) => { edit(one, one.delta) }) })
const header = (name: string, value: string): Fault => ({ reply: reply => { reply.headers[name] = value } })
const models = (edit: (entry: any) => void): Fault => plain('/v1/models', json => { json.data.forEach(edit) })
const embedding = (edit: Edit): Fault => plain('/v1/embeddings', edit)
const response = (edit: Edit): Fault => plain('/v1/responses', edit)
const noCalls = choice(one => { delete one.message.tool_calls })
const call = (edit: (call: any) => void): Fault => choice(one => { one.message.tool_calls?.forEach(edit) })
const badFormat = (body: any): boolean => body.response_format !== undefined
const named = (path: string) => (_: any, at: string): boolean => at === path

/** For each item, ways to be wrong that it must find. */
export const faults: Readonly<Record<number, Faults>> = {
  1: { 'keys are not looked at': { reply: reply => { if (reply.status === 401) reply.status = 200 } }, 'the 401 is a text': error((_, __, reply) => { if (reply.status === 401) reply.json = { error: 'Unauthorized' } }) },
  2: { 'code is a number': error((json, _, reply) => { json.error.code = reply.status }), 'there is one more field': error(json => { json.error.details = {} }), 'param is missing': error(json => { delete json.error.param }) },
  3: { 'the code is another': error((json, _, reply) => { if (reply.status === 401) json.error.code = 'no_key' }) },
  4: { 'any model is served': overlooks(body => { if (body.model === 'no-such-model-7') body.model = 'org/fake' }), 'the code is missing': error(json => { json.error.code = null }) },
  5: { 'long prompts are cut': overlooks(body => { if (Array.isArray(body.messages)) body.messages = body.messages.slice(0, 1).map((message: any) => ({ ...message, content: String(message.content).slice(0, 50) })) }), 'the numbers are missing': error(json => { json.error.message = 'Too long.' }) },
  6: { 'half a body is a 500': error((json, _, reply) => { if (json.error.message === 'That is no JSON.') reply.status = 500 }), 'the socket is closed': { quirks: { closesOnBadJson: true } } },
  7: { 'param is missing': error(json => { json.error.param = null }), 'types are not looked at': dropsIf('temperature', value => typeof value !== 'number') },
  8: { 'unknown fields are refused': refuses(hasField('x_vendor_field')) },
  9: { 'a wrong method is a 404': error((_, __, reply) => { if (reply.status === 405) reply.status = 404 }), 'the 404 is HTML': error((_, __, reply) => { if (reply.status === 404) reply.json = '<html>Not found</html>' }) },
  10: { 'the body is waited for': { quirks: { readsLargeBodies: true } }, 'forms are a 500': error((_, __, reply) => { if (reply.status === 415) reply.status = 500 }) },
  11: { 'the queue has no end': { quirks: { hasNoQueueLimit: true } }, 'Retry-After is missing': error((_, __, reply) => { delete reply.headers['retry-after'] }), 'it is hours': error((_, __, reply) => { reply.headers['retry-after'] = '7200' }), 'the ms are missing': error((_, __, reply) => { delete reply.headers['retry-after-ms'] }) },
  12: { 'the header is missing': error((_, __, reply) => { delete reply.headers['x-should-retry'] }) },
  13: { 'there is none': header('x-request-id', ''), 'it is always the same': header('x-request-id', 'req_1') },
  14: { 'they are refused': status(400, named(chatPath)) },
  15: { 'they are refused': status(400, named(chatPath)) },
  16: { 'the preflight needs a key': { quirks: { preflightNeedsKey: true } } },
  17: { 'a path is told': error(json => { json.error.message += ' (/home/me/server/main.py)' }), 'a stack is told': error(json => { json.error.message += '\n    at parse (node:internal)' }), 'an address is told': error(json => { json.error.message += ' <object at 0x7f3a21b4>' }) },
  18: { 'a connection ends after 50': { quirks: { maxRequestsPerSocket: 50 } } },
  19: { 'chunks are refused': { quirks: { refusesChunked: true } }, 'gzip is a 400': error((_, __, reply) => { if (reply.status === 415) reply.status = 400 }) },
  20: { 'health is 500': status(500, named('/health')), 'loading has another type': { quirks: { loadingType: 'server_error' } } },

  21: { 'created is in ms': models(entry => { entry.created *= 1000 }), 'object is missing': models(entry => { delete entry.object }), 'there is a bare list': plain('/v1/models', (json, _, reply) => { reply.json = json.data }) },
  22: { 'one model cannot be asked for': status(404, named('/v1/models/org/fake')), 'any id is found': { reply: (reply, path) => { if (path === '/v1/models/no-such-model-7') reply.status = 200 } } },
  23: { 'a name is listed that does not work': plain('/v1/models', json => { json.data.push({ ...json.data[0], id: 'ghost' }) }), 'max_model_len is a text': models(entry => { entry.max_model_len = '256' }), 'a parent is unknown': models(entry => { entry.parent = 'nobody' }) },
  24: { 'the list is slow': { quirks: { listDelayMs: 150 } } },

  25: { 'param is missing': error(json => { json.error.param = null }), 'model has a default': overlooks(body => { body.model ??= 'org/fake' }) },
  26: { 'developer is unknown': refuses(body => body.messages?.some((message: any) => message.role === 'developer')), 'any role is taken': overlooks(body => { for (const message of body.messages ?? []) if (message.role === 'wizard') message.role = 'user' }) },
  27: { 'parts are refused': refuses(body => body.messages?.some((message: any) => Array.isArray(message.content))), 'null is refused': refuses(body => body.messages?.some((message: any) => message.content === null)) },
  28: { 'images are dropped': overlooks(body => { for (const message of body.messages ?? []) if (Array.isArray(message.content)) message.content = message.content.filter((part: any) => part.type === 'text') }), 'the place is not told': error(json => { json.error.param = 'messages' }) },
  29: { 'no id is needed': overlooks(body => { for (const message of body.messages ?? []) if (message.role === 'tool') message.tool_call_id ??= 'x' }), 'order matters': refuses(body => body.messages?.[2]?.tool_call_id === 'call_b2') },
  30: { 'the range is not checked': dropsIf('temperature', value => value < 0), '0 is not greedy': overlooks(body => { if (body.temperature === 0) body.temperature = 1.5 }), 'infinity gets through': dropsIf('temperature', value => value === Infinity) },
  31: { '0 is refused': refuses(body => body.top_p === 0), 'the range is not checked': dropsIf('top_p', value => value > 1) },
  32: { 'ends are refused': refuses(body => body.presence_penalty === 2), 'the range is not checked': dropsIf('frequency_penalty', value => Math.abs(value) > 2) },
  33: { 'n is ignored': drops('n'), 'the prompt counts n times': answer((json, body) => { json.usage.prompt_tokens *= body.n ?? 1 }), 'one answer is counted': answer((json, body) => { json.usage.completion_tokens /= body.n ?? 1 }) },
  34: { 'there is no limit': dropsIf('n', value => value > 128), '0 is taken': dropsIf('n', value => value === 0) },
  35: { 'stop is ignored': drops('stop'), 'the stop text is kept': choice((one, body) => { if (body.stop) one.message.content += [body.stop].flat().at(-1) }), 'only one is taken': refuses(body => Array.isArray(body.stop) && body.stop.length > 1), 'an empty one is a 500': status(500, body => body.stop === '') },
  36: { 'the beginning of the stop text leaks': events((all, body) => { if (body.stop !== undefined) all.splice(-2, 0, { json: { ...all.at(-2)!.json, choices: [{ index: 0, delta: { content: String(body.stop)[0] }, finish_reason: null }] } }) }) },
  37: { 'max_completion_tokens is ignored': drops('max_completion_tokens'), 'max_tokens wins': overlooks(body => { if (body.max_tokens !== undefined) delete body.max_completion_tokens }), 'the end is stop': choice(one => { one.finish_reason = 'stop' }) },
  38: { '0 is taken': dropsIf('max_completion_tokens', value => value === 0), 'fractions are taken': dropsIf('max_completion_tokens', value => value === 1.5) },
  39: { 'there is a hidden limit': overlooks(body => { if (body.max_tokens === undefined) body.max_tokens = 16 }), 'the end is abort': choice(one => { one.finish_reason = 'abort' }) },
  40: { 'seeds are ignored': overlooks(body => { body.seed = Math.floor(Math.random() * 1e6) }), 'all seeds are one': overlooks(body => { body.seed = 1 }) },
  41: { 'it is ignored': drops('logit_bias'), 'ids are not checked': dropsIf('logit_bias', value => '99999999' in value), 'values are not checked': dropsIf('logit_bias', value => value[40] === 101) },
  42: { 'there are no alternatives': choice(one => { one.logprobs?.content.forEach((token: any) => { token.top_logprobs = [] }) }), '21 are taken': overlooks(body => { if (body.top_logprobs === 21) body.top_logprobs = 20 }), 'logprobs are not needed': overlooks(body => { if (body.top_logprobs !== undefined) body.logprobs = true }) },
  43: { 'json_object is refused': refuses(body => body.response_format?.type === 'json_object'), 'it is ignored': drops('response_format'), 'any name is taken': overlooks(body => { if (body.response_format?.json_schema) body.response_format.json_schema.name = 'x' }) },
  44: { 'it is ignored': drops('response_format'), 'a field is left out': choice((one, body) => { if (badFormat(body)) one.message.content = '{"city":"Oslo"}' }) },
  45: { 'all schemas are refused': refuses(badFormat), 'bad ones are ignored': dropsIf('response_format', value => JSON.stringify(value).includes('no-such-type')), 'the keyword is not named': error(json => { json.error.message = 'Bad.'; json.error.param = null; json.error.type = '' }) },
  46: { 'tools are refused': refuses(hasField('tools')), 'any name is taken': overlooks(body => { for (const tool of body.tools ?? []) tool.function.name = 'x' }), 'any number is taken': overlooks(body => { body.tools = body.tools?.slice(0, 128) }) },
  47: { 'required is refused': refuses(body => body.tool_choice === 'required'), 'allowed_tools are refused': refuses(body => body.tool_choice?.type === 'allowed_tools'), 'names are ignored': overlooks(body => { if (body.tool_choice?.type === 'function') body.tool_choice = 'required' }), 'any word is taken': dropsIf('tool_choice', value => value === 'sometimes') },
  48: { 'unknown ones are ignored': dropsIf('tool_choice', value => value.function?.name === 'missing'), 'no tools are needed': overlooks(body => { if (body.tools === undefined) delete body.tool_choice }) },
  49: { 'it is taken for auto': overlooks(body => { if (body.tool_choice === 'required') body.tool_choice = 'auto' }), 'arguments do not fit': call(one => { one.function.arguments = '{"city":"Paris","isWarm":true}' }) },
  50: { 'it is ignored': drops('parallel_tool_calls'), 'there is no call': noCalls },
  51: { 'they are ignored': drops('functions', 'function_call'), 'the name is not told': error(json => { json.error.param = null }) },
  52: { 'it is ignored': overlooks(body => { if (body.stream !== true) delete body.stream_options }) },
  53: { 'xhigh is refused': refuses(body => body.reasoning_effort === 'xhigh') },
  54: { 'one is refused': refuses(hasField('prompt_cache_key')), 'audio is ignored': drops('modalities') },
  55: { 'one is refused': refuses(hasField('stop_token_ids')), 'top_k is ignored': drops('top_k') },
  56: { 'others wait': { quirks: { blocksMs: 700 } }, 'it is a 500': status(500, (body, path) => path === chatPath && JSON.stringify(body).length > 2 ** 19) },

  57: { 'created is in ms': answer(json => { json.created *= 1000 }), 'the model is another': answer(json => { json.model = '/models/fake' }), 'the id is odd': answer(json => { json.id = '17' }), 'usage is missing': answer(json => { delete json.usage }) },
  58: { 'refusal is missing': choice(one => { delete one.message.refusal }), 'the role is missing': choice(one => { delete one.message.role }) },
  59: { 'one is invented': choice((one, body) => { if (body.n === 4) one.finish_reason = 'repetition' }), 'a stop text ends with length': choice(one => { one.finish_reason = 'length' }) },
  60: { 'the reason is stop': choice(one => { one.finish_reason = 'stop' }), 'arguments are an object': call(one => { one.function.arguments = JSON.parse(one.function.arguments) }), 'the type is missing': call(one => { delete one.type }), 'there is none': noCalls },
  61: { 'ids repeat': call(one => { one.id = 'call_0' }), 'no arguments are an empty text': call(one => { if (one.function.arguments === '{}') one.function.arguments = '' }) },
  62: { 'the sum is wrong': answer(json => { json.usage.total_tokens++ }), 'the template is not counted': answer(json => { json.usage.prompt_tokens = 3; json.usage.total_tokens = 3 + json.usage.completion_tokens }) },
  63: { 'it is missing at 0': answer(json => { delete json.usage.prompt_tokens_details }), 'it is null': answer(json => { json.usage.prompt_tokens_details.cached_tokens = null }) },
  64: { 'plain ones lack it': answer(json => { delete json.usage.completion_tokens_details }), 'streams lack it': chunk(json => { if (json.usage) delete json.usage.completion_tokens_details }) },
  65: { 'they are missing unasked': choice(one => { if (one.logprobs === null) delete one.logprobs }), 'lists are missing': choice(one => { one.logprobs?.content.forEach((token: any) => { if (token.top_logprobs.length === 0) delete token.top_logprobs }) }), 'refusal is missing': choice(one => { delete one.logprobs?.refusal }) },
  66: { 'it is null': choice(one => { one.logprobs?.content.forEach((token: any) => { for (const other of token.top_logprobs) if (other.logprob < -20) other.logprob = null }) }), 'it is positive': choice(one => { one.logprobs?.content.forEach((token: any) => { token.logprob = 0.5 }) }) },
  67: { 'bytes are of characters': choice(one => { one.logprobs?.content.forEach((token: any) => { token.bytes = [...token.token].map(char => char.charCodeAt(0) & 255) }) }), 'they are null': choice(one => { one.logprobs?.content.forEach((token: any) => { token.bytes = null }) }) },
  68: { 'it changes': answer(json => { json.system_fingerprint = String(Math.random()) }), 'it is missing': answer(json => { delete json.system_fingerprint }) },

  69: { 'the type is another': header('content-type', 'application/json'), 'it may be cached': header('cache-control', 'public'), 'nginx may buffer': header('x-accel-buffering', ''), 'an event is no JSON': events(all => { all.splice(2, 0, { data: 'hello' }) }) },
  70: { 'ids change': chunk((json, i) => { json.id = `chatcmpl-${i}` }), 'created changes': chunk((json, i) => { json.created += i }), 'the object is another': chunk(json => { json.object = 'chat.completion' }) },
  71: { 'content is null': delta((_, d) => { if (d.role) d.content = null }), 'the role comes always': delta((_, d) => { d.role = 'assistant' }), 'it never comes': delta((_, d) => { delete d.role }) },
  72: { 'the last has text': delta((one, d) => { if (one.finish_reason) d.content = '' }), 'the reason comes twice': delta((one, d) => { if (d.role) one.finish_reason = 'stop' }), 'it never comes': delta(one => { one.finish_reason = null }) },
  73: { 'it is missing': delta(one => { if (one.finish_reason === null) delete one.finish_reason }) },
  74: { 'null is missing': chunk(json => { if (json.usage === null) delete json.usage }), 'totals are missing': events(all => { const at = all.findIndex(({ json }) => json?.choices.length === 0); if (at >= 0) all.splice(at, 1) }), 'they come with a choice': chunk(json => { if (json.choices.length === 0) json.choices = [{ index: 0, delta: {}, finish_reason: null }] }) },
  75: { 'it comes always': events(all => { all.splice(-1, 0, { json: { ...all[0]!.json, choices: [] } }) }) },
  76: { 'it is missing': events(all => { all.pop() }), 'something follows': events(all => { all.push({ data: '{"choices":[]}' }) }), 'it comes twice': events(all => { all.push({ data: '[DONE]' }) }) },
  77: { 'an event is empty': events(all => { all.splice(1, 0, { data: '{}' }) }), 'an event has a name': events(all => { all[0]!.name = 'chunk' }) },
  78: { 'an event is long': delta((_, d) => { if (d.role) d.padding = 'x'.repeat(300_000) }), 'JSON is split over lines': events(all => { all[0] = { data: JSON.stringify(all[0]!.json, null, 1).replaceAll('\n', '\ndata: ') } }) },
  79: { 'a piece is lost': events(all => { all.splice(5, 1) }), 'blanks are cut': delta((_, d) => { if (d.content) d.content = d.content.trim() }) },
  80: { 'characters break': delta((_, d) => { if (d.content) d.content = d.content.replace('é', '\ufffd\ufffd') }), 'half a pair comes': delta((_, d) => { if (d.content) d.content = d.content.replace('😀', '\ud83d') }) },
  81: { 'the stream just ends': { quirks: { cutsAtDrain: 'silently' } }, 'it pretends an end': { quirks: { cutsAtDrain: 'asIfDone' } } },
  82: { 'half a line is left': { quirks: { cutsAtDrain: 'inTheMiddle' } }, 'a blank line is missing': events(all => { all.at(-1)!.data = '[DONE]\n: end'; all.splice(-1, 1, { data: '{"a":' }) }) },
  83: { 'index is missing': delta((_, d) => { d.tool_calls?.forEach((one: any) => { delete one.index }) }), 'the name comes always': delta((_, d) => { d.tool_calls?.forEach((one: any) => { one.function.name = 'weather' }) }), 'the id is missing': delta((_, d) => { d.tool_calls?.forEach((one: any) => { delete one.id }) }), 'there is no call': delta((_, d) => { delete d.tool_calls }) },
  84: { 'indexes begin at 1': delta((_, d) => { d.tool_calls?.forEach((one: any) => { one.index++ }) }), 'arguments begin again': events(all => { const at = all.findLastIndex(({ json }) => json?.choices[0]?.delta.tool_calls !== undefined); if (at >= 0) all.splice(at, 0, all[at]!) }) },
  85: { 'markup leaks': events((all, body) => { if (body.tools) all.splice(2, 0, { json: { ...all[0]!.json, choices: [{ index: 0, delta: { content: '<tool_call>' }, finish_reason: null }] } }) }) },
  86: { 'it is mixed into the content': delta((_, d) => { if (d.reasoning_content) { d.content = `<think>${d.reasoning_content}</think>`; delete d.reasoning_content } }), 'it is lost': delta((_, d) => { delete d.reasoning_content }) },
  87: { 'an end is missing': delta(one => { if (one.index === 1) one.finish_reason = null }), '[DONE] comes after the first': events((all, body) => { if (body.n > 1) all.splice(-2, 0, all.pop()!) }) },
  88: { 'they are of other tokens': events(all => { const scored = all.filter(({ json }) => json?.choices[0]?.logprobs != null); for (const [i, event] of scored.entries()) if (i > 0) event.json.choices[0].logprobs = { content: [{ token: 'x', bytes: [120], logprob: -1, top_logprobs: [] }] } }), 'there are none': delta(one => { one.logprobs = null }) },
  89: { 'all comes at the end': { quirks: { sendsAtOnce: true } } },
  90: { 'aborts are not counted': { quirks: { countsNoAborts: true } }, 'they run on': { quirks: { keepsAborted: true } } },
  91: { 'streams mix': { quirks: { neighboursMatter: true } } },
  92: { 'it is refused': refuses(body => body.stream_options?.include_obfuscation === true) },
  93: { 'the first chunk is late': slowOnly(all => { all.splice(4, 0, all.shift()!) }), 'an end is lost': slowOnly(all => { all.splice(all.findIndex(({ json }) => json?.choices[0]?.finish_reason), 1) }), 'text is lost': slowOnly(all => { all.splice(9, 1) }) },

  94: { 'ids are refused': refuses((body, path) => path === '/v1/completions' && typeof body.prompt?.[0] === 'number' && body.prompt[0] < 64), 'bad ids are taken': overlooks(body => { if (body.prompt?.[0] === 99_999_999) body.prompt = [1] }), 'any number of prompts is taken': overlooks(body => { if (body.prompt?.length > 1024) body.prompt = body.prompt.slice(0, 5) }) },
  95: { 'there is another default': overlooks(body => { body.max_tokens ??= 20 }) },
  96: { 'echo is ignored': drops('echo'), '0 is refused': refuses((body, path) => path === '/v1/completions' && body.max_tokens === 0), 'the prompt has no scores': completion(json => { if (json.usage.completion_tokens === 0) json.choices[0].logprobs.token_logprobs = [] }) },
  97: { 'the form is that of chat': completion(json => { json.choices.forEach((one: any) => { one.logprobs = { content: [] } }) }), 'the first has a value': completion(json => { json.choices.forEach((one: any) => { if (one.logprobs) one.logprobs.token_logprobs[0] = -1 }) }), 'offsets are of nothing': completion(json => { json.choices.forEach((one: any) => { one.logprobs?.text_offset.fill(0) }) }), '6 are taken': dropsIf('logprobs', value => value === 6) },
  98: { 'best_of is ignored': drops('best_of'), 'a suffix is a 500': status(500, hasField('suffix')) },
  99: { 'the object is that of chat': completion(json => { json.object = 'chat.completion' }), 'streams have another': chunk(json => { json.object = 'text_completion.chunk' }), 'logprobs are missing': completion(json => { json.choices.forEach((one: any) => { delete one.logprobs }) }) },
  100: { 'indexes begin again': completion(json => { json.choices.forEach((one: any, i: number) => { one.index = i % 2 }) }), 'prompts are mixed up': completion(json => { if (json.choices.length === 4) json.choices.forEach((one: any, i: number) => { one.text = `${one.text}${i}` }) }) },
  101: { 'stop is ignored': drops('stop'), 'seeds are ignored': overlooks(body => { body.seed = Math.floor(Math.random() * 1e6) }), '[DONE] is missing': events(all => { all.pop() }), 'usage is missing': chunk(json => { delete json.usage }) },

  102: { 'lists are refused': refuses((body, path) => path === '/v1/embeddings' && Array.isArray(body.input) && body.input.length === 2), 'an empty text is taken': overlooks(body => { if (Array.isArray(body.input)) body.input = body.input.map((one: any) => one === '' ? 'x' : one) }) },
  103: { 'base64 is ignored': drops('encoding_format'), 'base64 is of other numbers': embedding(json => { json.data.forEach((one: any) => { if (typeof one.embedding === 'string') one.embedding = Buffer.alloc(64).toString('base64') }) }) },
  104: { 'it is ignored': drops('dimensions'), '0 is taken': dropsIf('dimensions', value => value === 0) },
  105: { 'the order is another': embedding(json => { json.data.reverse() }), 'usage is missing': embedding(json => { delete json.usage }) },
  106: { 'it is a 500': status(500, (body, path) => path === '/v1/embeddings' && body.model === 'org/fake'), 'there is no such route': status(404, named('/v1/embeddings')) },

  107: { 'items are refused': refuses((body, path) => path === '/v1/responses' && Array.isArray(body.input)), 'text.format is ignored': drops('text'), 'a field is refused': refuses(hasField('truncation')) },
  108: { 'usage has chat\'s names': response(json => { json.usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 } }), 'status is invented': response(json => { json.status = 'done' }), 'incomplete_details are missing': response(json => { json.incomplete_details = null }) },
  109: { 'events have no names': events(all => { for (const event of all) delete event.name }), 'an event is missing': events(all => { all.splice(all.findIndex(event => event.name === 'response.content_part.done'), 1) }), 'the end is missing': events(all => { all.pop() }) },
  110: { 'numbers begin at 1': chunk(json => { json.sequence_number++ }), 'items are mixed up': chunk(json => { if (json.item_id) json.item_id = 'msg_9' }), 'a delta is lost': events(all => { all.splice(all.findIndex(event => event.name === 'response.output_text.delta'), 1) }) },
  111: { 'call_id is the id': response(json => { for (const item of json.output) if (item.call_id) item.call_id = item.id }), 'a delta is lost': events(all => { const at = all.findIndex(event => event.name === 'response.function_call_arguments.delta'); if (at >= 0) all.splice(at, 1) }), 'outputs are refused': refuses(body => Array.isArray(body.input) && body.input.some((item: any) => item.type === 'function_call_output')) },
  112: { 'no event tells of it': events(all => { for (const event of all) if (event.json?.type.startsWith('response.reasoning')) event.json.type = 'response.thought' }) },
  113: { 'store: false is refused': refuses(body => body.store === false), 'any previous one is taken': drops('previous_response_id'), 'other routes are a 500': status(500, (_, path) => path.startsWith('/v1/responses/')) },
  114: { 'the end is missing': events(all => { all.pop() }) },

  115: { 'requests are left': { quirks: { keepsAborted: true } } },
  116: { 'answers change': { quirks: { neighboursMatter: true } }, 'a bad one is a 500': status(500, body => body.temperature > 1e300) },
  117: { 'memory grows': { quirks: { growthBytes: 200 * 2 ** 20 } } },
  118: { 'low priority starves': { quirks: { staysSilent: body => body?.priority === 10 } } },
  119: { 'new requests are taken': { quirks: { refusalStatus: 500 } }, 'streams just end': { quirks: { cutsAtDrain: 'silently' } }, 'the exit code is 1': { quirks: { exitCode: 1 } } },
  120: { 'they answer differently': { quirks: { salt: 'instance' } } }
}
