/** One requirement of clients, as one test judges it. */
export interface Item {
  readonly number: number
  readonly section: string
  readonly title: string
}

/** The items of each section, in order; their numbers count up through all of them. */
const sections: ReadonlyArray<readonly [section: string, titles: readonly string[]]> = [
  ['HTTP and errors', [
    'the right key is let in; a wrong one and none get 401 with an error object',
    'every error is JSON: message, type, param and code, each a string, the last two perhaps null',
    'a 401 has the type invalid_request_error and the code invalid_api_key',
    'an unknown model is 404, model_not_found, and named',
    'a prompt beyond the context is 400, context_length_exceeded, with both numbers; nothing is cut silently',
    'JSON that does not parse is 400, never 500 and never a closed socket',
    'a field of the wrong type is 400 or 422, with its path in param',
    'fields that nobody knows are no error',
    'a wrong method is 405, an unknown path a 404 in JSON',
    'a wrong content type is 415 or 400; too large a body is 413 before it is read',
    'overload is 429 or 503 with Retry-After up to 60 s and retry-after-ms',
    'what fails the same way every time says x-should-retry: false',
    'every answer has an x-request-id; a valid one of the request comes back',
    'X-Stainless-Timeout and X-Stainless-Retry-Count are taken',
    'OpenAI-Organization, -Project, -Beta and odd user agents are no error',
    'a CORS preflight needs no key, where CORS is on',
    'errors tell no stack trace, file path or address',
    'a connection serves 1,000 requests, and is still open after an idle pause',
    'bodies come with a length or in chunks; gzip is bounded or 415',
    '/health is 200 when a token can be had, and 503 unavailable_error while loading'
  ]],
  ['Models', [
    'the list has id, object, created in seconds and owned_by',
    'one model can be asked for, its id encoded or not; an unknown one is 404',
    'every listed name works, and the fields that vLLM adds have its types',
    'the list comes in under 100 ms while the engine is busy'
  ]],
  ['Chat: request', [
    'model and messages are required, and named when missing',
    'all six roles are taken, others refused',
    'content may be a text, parts, or null beside tool calls',
    'an image for a text model is 400 with its place in param',
    'a tool message needs tool_call_id; results come in any order',
    'temperature is 0 to 2, 0 is greedy, and no infinity gets through',
    'top_p is 0 to 1, ends included',
    'frequency_penalty and presence_penalty are -2 to 2',
    'n answers have their indexes, and usage counts the prompt once',
    'an n beyond the limit is 400',
    'stop takes one or four texts, which the answer leaves out; an empty one does no harm',
    'a stop text across tokens leaks nothing of itself into a stream',
    'max_completion_tokens and max_tokens bound the answer; of both the first wins',
    'max_completion_tokens of 0, below, or with a fraction is 400',
    'without a limit the answer ends at the context\'s end, with length',
    'the same seed gives the same text, another seed another',
    'logit_bias forces and bans tokens; ids beyond the vocabulary are 400',
    'top_logprobs is 0 to 20 and needs logprobs',
    'response_format may be text, json_object or json_schema; a bad name is 400',
    'a json_schema answer parses and fits',
    'a schema that cannot be done is 400 in bounded time',
    'tools are taken, up to 128, with names of up to 64 characters',
    'tool_choice may be none, auto, required, a name or allowed_tools',
    'tool_choice for an unknown tool, or without tools, is 400',
    'tool_choice required gives a call whose arguments fit',
    'parallel_tool_calls false gives at most one call',
    'functions and function_call work or are refused by name',
    'stream_options without stream is 400',
    'every reasoning_effort is taken',
    'OpenAI\'s book-keeping fields are taken; audio output is refused',
    'the extras of other servers are taken: top_k, min_p, ignore_eos and the rest',
    'a body of nearly 16 MiB is answered, and nobody else waits for it'
  ]],
  ['Chat: plain answer', [
    'id, object, created in seconds, model as asked for, choices and usage',
    'the message has role, content and refusal: null',
    'finish_reason is one of OpenAI\'s',
    'tool calls have id, type, name and arguments as text; the reason is tool_calls',
    'ids of calls are unique, and arguments parse',
    'usage adds up, and counts the template',
    'cached_tokens is there, also when 0',
    'reasoning_tokens are told, plain and streamed',
    'logprobs are null or a list of tokens with top_logprobs lists',
    'a logprob is a number from -9999 to 0',
    'bytes are those of the tokens, and joined those of the text',
    'system_fingerprint is a text or null, and stays'
  ]],
  ['Chat: stream', [
    'the headers of an event stream that nobody buffers, each event "data: {json}" and a blank line',
    'all chunks share id, created, model and object',
    'the first delta is the role with empty content, once per choice',
    'the last chunk of a choice has an empty delta and the reason',
    'finish_reason is null in all others, not missing',
    'include_usage: null in every chunk, then a chunk with the totals',
    'without include_usage no chunk is without choices',
    '[DONE] is last',
    'keep-alives are comments; no event is empty',
    'events are short, and one line each',
    'joined deltas are the plain answer',
    'no broken characters but those that the tokens\' bytes have',
    'an error after the headers is an event, and no pretended end',
    'no half line, also when a stream is cut off',
    'tool deltas have index always; id, type and name once',
    'calls may interleave, and never start again',
    'no markup of calls gets into content',
    'reasoning is streamed beside the content',
    'of n answers each ends once, and [DONE] after all',
    'logprobs of a chunk are those of its text',
    'the first events go out before the answer is done',
    'a client that leaves ends its generation, and the abort is counted',
    'a client that half-closes or stops reading harms nobody else',
    'include_obfuscation is taken',
    'a reader that pauses gets the same events, in order'
  ]],
  ['Completions', [
    'prompt may be a text, texts, token ids or lists of them; bad ids and too many prompts are 400',
    'max_tokens is 16 by default',
    'echo gives the prompt back, and scores it with max_tokens 0',
    'logprobs have tokens, token_logprobs, top_logprobs, text_offset; the first is null',
    'best_of below n or with stream is 400; suffix works or is 400',
    'the object is text_completion, plain and streamed',
    'choice j of prompt i has the index i*n+j',
    'stop, seed, usage and [DONE] are as for chat'
  ]],
  ['Embeddings', [
    'input may be a text, texts, token ids or lists of them; an empty text is 400',
    'encoding_format float and base64 agree, and OpenAI\'s client decodes them',
    'dimensions are honoured or 400',
    'the answer has object, data in order, model and usage',
    'a chat model asked for embeddings is refused, and lives'
  ]],
  ['Responses', [
    'input as a text or items, and the fields beside it',
    'object, status, output, usage, error and incomplete_details',
    'events are named by their type, from created to completed',
    'sequence numbers count from 0; ids and indexes agree',
    'function calls stream, and their outputs are taken as input',
    'reasoning has events of its own',
    'store: false works; an unknown previous_response_id is 400 or 404; other routes answer clearly',
    'the stream ends after its last event'
  ]],
  ['Under load', [
    'aborted requests leave no block, no queue entry and no socket',
    'bad requests change no answer beside them, and kill nothing',
    'slow readers cost bounded memory, and fast ones nothing',
    'low priority ends within its bound beside high',
    'SIGTERM: new requests get 503, streams end well or with an error, the exit code is 0',
    'two instances give the same greedy answer'
  ]]
]

export const items: readonly Item[] = sections
  .flatMap(([section, titles]) => titles.map(title => ({ section, title })))
  .map((item, i) => ({ number: i + 1, ...item }))
