import { UnsupportedFieldError } from '../errors.js'

/** A field that clients know, and the values of it that ask for nothing this server cannot do. */
interface KnownField {
  readonly isHarmless: (value: unknown) => boolean
  /** What to do without it. */
  readonly remedy: string
}

const isFalse = (value: unknown): boolean => value === false
const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0
const never = (): boolean => false
const olderForm = 'It is the older form; use tools and tool_choice.'

function field (isHarmless: (value: unknown) => boolean, remedy = 'It is not supported; leave it out.'): KnownField {
  return { isHarmless, remedy }
}

/** Fields of both endpoints, ours and other servers'. */
const shared: Readonly<Record<string, KnownField>> = {
  best_of: field(never, 'Only best_of equal to n is supported; leave it out.'),
  use_beam_search: field(isFalse),
  length_penalty: field(value => value === 1),
  early_stopping: field(isFalse),
  skip_special_tokens: field(value => value === true),
  spaces_between_special_tokens: field(value => value === true),
  include_stop_str_in_output: field(isFalse),
  truncate_prompt_tokens: field(never, 'Prompts are never cut; send a shorter one.'),
  prompt_logprobs: field(value => value === false, 'Use echo with logprobs on /v1/completions.'),
  return_token_ids: field(isFalse),
  bad_words: field(isEmptyList, 'Use logit_bias with -100.'),
  allowed_token_ids: field(never, 'Use logit_bias.'),
  structural_tag: field(never, 'Use response_format, or structured_outputs with a grammar.'),
  guided_decoding_backend: field(never, 'There is one; leave it out.'),
  guided_whitespace_pattern: field(never, 'JSON is written with single blanks or in lines; leave it out.'),
  vllm_xargs: field(never),
  kv_transfer_params: field(never)
}

const chat: Readonly<Record<string, KnownField>> = {
  functions: field(isEmptyList, olderForm),
  function_call: field(value => value === 'none', olderForm),
  modalities: field(value => Array.isArray(value) && value.every(item => item === 'text'), 'Only ["text"] is supported.'),
  audio: field(never, 'Audio is not supported; leave it out.'),
  web_search_options: field(never),
  echo: field(isFalse, 'Use /v1/completions to get the prompt back.'),
  add_special_tokens: field(isFalse),
  chat_template: field(never, 'The model\'s own chat template is used; leave it out.'),
  documents: field(isEmptyList, 'Put the documents into a message.')
}

const completions: Readonly<Record<string, KnownField>> = {
  suffix: field(value => value === '', 'Infilling is not supported; leave it out.'),
  prompt_embeds: field(never),
  add_special_tokens: field(value => value === true)
}

const responses: Readonly<Record<string, KnownField>> = {
  n: field(value => value === 1, 'A response has one answer; send the request again for another.'),
  max_tool_calls: field(never, 'No tools run on the server; leave it out.'),
  background: field(isFalse, 'Responses run while their request does; leave it out.'),
  conversation: field(never, 'Conversations are not stored; use previous_response_id, or send the items.'),
  prompt: field(never, 'There are no prompt templates here; send instructions and input.'),
  response_format: field(value => (value as { type?: unknown } | undefined)?.type === 'text', 'Use text.format.'),
  context_management: field(isEmptyList),
  moderation: field(never),
  image: field(never),
  access_programs: field(never)
}

const embeddings: Readonly<Record<string, KnownField>> = {
  truncate_prompt_tokens: field(never, 'Inputs are never cut; send shorter ones.'),
  truncation_side: field(never, 'Inputs are never cut; leave it out.'),
  add_special_tokens: field(value => value === true),
  messages: field(never, 'Send the text as input.'),
  normalize: field(value => value === true, 'Embeddings have length 1; leave it out.'),
  use_activation: field(value => value === true, 'Embeddings have length 1; leave it out.'),
  embed_dtype: field(value => value === 'float32', 'Embeddings are float32; leave it out.'),
  endianness: field(value => value === 'native' || value === 'little', 'Embeddings are little-endian; leave it out.')
}

const tokenize: Readonly<Record<string, KnownField>> = {
  add_special_tokens: field(value => value === true, 'Tokens are counted as a request has them; leave it out.'),
  add_generation_prompt: field(value => value === true, 'Tokens are counted as a request has them; leave it out.'),
  continue_final_message: field(isFalse),
  chat_template: field(never, 'The model\'s own chat template is used; leave it out.'),
  mm_processor_kwargs: field(never)
}

/** Accepted and without effect here: hints and book-keeping of OpenAI's own service. */
const withoutEffect: Readonly<Record<Endpoint, readonly string[]>> = {
  chat: ['safety_identifier', 'prompt_cache_key', 'prompt_cache_retention', 'verbosity', 'prediction'],
  completions: ['safety_identifier', 'prompt_cache_key', 'prompt_cache_retention'],
  embeddings: [],
  tokenize: [],
  detokenize: [],
  responses: ['safety_identifier', 'prompt_cache_key', 'prompt_cache_retention', 'prompt_cache_options']
}

export type Endpoint = 'chat' | 'completions' | 'responses' | 'embeddings' | 'tokenize' | 'detokenize'

const knownFields: Readonly<Record<Endpoint, Readonly<Record<string, KnownField>>>> = {
  chat: { ...shared, ...chat }, completions: { ...shared, ...completions }, responses: { ...shared, ...responses },
  embeddings, tokenize, detokenize: {}
}

/**
 * Refuses by name what clients know and this server does not do.
 *
 * @returns the fields that nobody knows, which are ignored
 * @throws UnsupportedFieldError
 */
export function sortFields (body: object, endpoint: Endpoint, schemaFields: ReadonlySet<string>): string[] {
  const ignored: string[] = []
  for (const [name, value] of Object.entries(body)) {
    if (schemaFields.has(name) || withoutEffect[endpoint].includes(name)) continue
    const known = Object.hasOwn(knownFields[endpoint], name) ? knownFields[endpoint][name]! : undefined
    if (known === undefined) {
      ignored.push(name)
      continue
    }
    const asksForOneAnswer = name === 'best_of' && value === ((body as { n?: unknown }).n ?? 1)
    if (!asksForOneAnswer && !known.isHarmless(value)) {
      throw new UnsupportedFieldError(name, `${name} is not supported with this value. ${known.remedy}`)
    }
  }
  return ignored
}

/** Names for a header: at most 20 of at most 64 characters, anything odd replaced by a question mark. */
export function ignoredFieldsHeader (names: readonly string[]): string {
  const listed = names.slice(0, 20).map(name => name.slice(0, 64).replaceAll(/[^\w.$-]/g, '?'))
  return listed.join(', ') + (names.length > 20 ? `, and ${names.length - 20} more` : '')
}
