export interface ErrorCode {
  readonly code: string
  /** HTTP status of an answer with it; undefined = it never reaches an answer under this code. */
  readonly status?: number
  /** Spelling in the API's `error.code`, where OpenAI's clients look for another one. */
  readonly apiCode?: string
  readonly cause: string
  readonly remedy: string
}

/**
 * Every code that an error of this project can carry; docs/errors.md is made from it. Codes are never
 * reused for another meaning.
 */
export const errorCodes: readonly ErrorCode[] = [
  // Requests.
  { code: 'ERR_INVALID_PARAMETER', status: 400, cause: 'A field of a request, or an argument of a call, has a value that it cannot have; `param` names it.', remedy: 'Correct that value; the message says what it may be.' },
  { code: 'ERR_UNSUPPORTED_FIELD', status: 400, apiCode: 'unsupported_parameter', cause: 'A field that clients know, with a value that this server cannot honour.', remedy: 'Leave the field out, or do what the message suggests.' },
  { code: 'ERR_MALFORMED_REQUEST', status: 400, cause: 'The bytes are not HTTP, the body is not JSON, or the path is not a URL path.', remedy: 'Send one JSON object with Content-Type: application/json.' },
  { code: 'ERR_PROMPT_TOO_LONG', status: 400, apiCode: 'context_length_exceeded', cause: 'The prompt has more tokens than a sequence may have. Nothing is ever cut silently.', remedy: 'Shorten the prompt, or restart with a larger --max-model-len or --kv-cache-memory.' },
  { code: 'ERR_NO_CHAT_TEMPLATE', status: 400, cause: 'Messages were sent to a model that has no chat template.', remedy: 'Use /v1/completions, or add chat_template.jinja to the model\'s folder.' },
  { code: 'ERR_NO_TOOL_FORMAT', status: 400, cause: 'Registered tools were offered to a model whose chat template shows no form of tool calls that is known.', remedy: 'Offer definitions and read the calls out of the text, or take another model (docs/tools.md).' },
  { code: 'ERR_CONSTRAINT', status: 400, cause: 'An answer came to a place of its grammar where the tokens that may follow are too costly to find, or where the model has none that fits.', remedy: 'Use a less ambiguous or smaller grammar, schema or regex (docs/structured-output.md).' },
  { code: 'ERR_CHAT_TEMPLATE', status: 400, cause: 'The chat template refused the messages, or exceeded its limits of time, memory or length.', remedy: 'Follow the template\'s own message; send fewer or shorter messages.' },
  { code: 'ERR_INVALID_API_KEY', status: 401, apiCode: 'invalid_api_key', cause: 'The server has API keys and the request brought none, or another one; or the route is for the admin key.', remedy: 'Send Authorization: Bearer with a key of this server.' },
  { code: 'ERR_MODEL_UNKNOWN', status: 404, apiCode: 'model_not_found', cause: 'The request names a model that is not served here.', remedy: 'Use a name from GET /v1/models, or restart with --served-model-name.' },
  { code: 'ERR_RESPONSE_UNKNOWN', status: 404, cause: 'No response is stored under this id: it never was, it was deleted, others needed its room, nobody asked for it in time, or it is another key\'s.', remedy: 'Send the whole conversation as input, or give the server more room with --response-store-bytes and the options beside it.' },
  { code: 'ERR_ROUTE_NOT_FOUND', status: 404, cause: 'There is nothing under this path.', remedy: 'Check the base URL: the API is under /v1.' },
  { code: 'ERR_METHOD_NOT_ALLOWED', status: 405, cause: 'The path exists, but not for this method.', remedy: 'Use a method that the Allow header names.' },
  { code: 'ERR_REQUEST_TIMEOUT', status: 408, cause: 'The request did not arrive in full within 60 seconds (its headers within 30).', remedy: 'Send it again; look at the network if it stays so.' },
  { code: 'ERR_CLIENT_TIMEOUT', status: 408, cause: 'The answer did not begin within the time that the client\'s X-Stainless-Timeout header allows.', remedy: 'Allow more time in the client, stream the answer, or ask for less.' },
  { code: 'ERR_BODY_TOO_LARGE', status: 413, cause: 'The body is larger than --body-limit-bytes.', remedy: 'Send less, or raise the limit.' },
  { code: 'ERR_MEDIA_TYPE', status: 415, cause: 'The body is not declared as JSON, or it is compressed.', remedy: 'Send plain JSON with Content-Type: application/json.' },
  { code: 'ERR_HEADERS_TOO_LARGE', status: 431, cause: 'The headers have more than 16 KiB.', remedy: 'Send fewer or shorter headers.' },
  { code: 'ERR_RATE_LIMIT', status: 429, apiCode: 'rate_limit_exceeded', cause: 'The key has used up its requests or tokens of a minute (--rate-limit-requests, --rate-limit-tokens, or its line of the key file).', remedy: 'Try again after Retry-After seconds; x-ratelimit-* headers tell what is left.' },
  { code: 'ERR_OVERLOADED', status: 429, cause: 'The queue is full (--max-queued-requests, --max-queued-tokens), or so long that the client would have given up before its answer began. Nothing was computed.', remedy: 'Try again after Retry-After seconds, as official clients do by themselves; or add machines, or raise the bounds.' },
  { code: 'ERR_INTERNAL', status: 500, cause: 'A defect of the server: something failed that nobody foresaw.', remedy: 'Look for the answer\'s x-request-id in the log, and report what you find.' },
  { code: 'ERR_GENERATION_FAILED', status: 500, cause: 'The generation ended early without an error of its own.', remedy: 'Send the request again; look into the log if it stays so.' },
  { code: 'ERR_STEP_FAILED', status: 500, cause: 'A step of the model failed, and the requests in it with it.', remedy: 'Send the request again. If it stays so, the message\'s cause says what the native part reported.' },
  { code: 'ERR_BAD_LOGITS', status: 500, cause: 'The model computed NaN or infinity for one request; others are not touched.', remedy: 'Check the weights; try --kernels scalar or another --kv-dtype to find out where it comes from.' },
  { code: 'ERR_LOADING', status: 503, cause: 'The model is still being loaded.', remedy: 'Try again after Retry-After seconds.' },
  { code: 'ERR_DRAINING', status: 503, cause: 'The server is shutting down; also the end of streams that did not finish before its deadline.', remedy: 'Send the request to another server, or again when this one is back.' },
  { code: 'ERR_UPLOADS_FULL', status: 503, cause: 'The bodies of requests that are on their way take all of --max-upload-bytes.', remedy: 'Try again after Retry-After seconds; give the server more with --max-upload-bytes if it has the memory.' },
  { code: 'ERR_TOO_MANY_CONNECTIONS', status: 503, cause: 'The server has --max-connections connections open, and this is one beyond them.', remedy: 'Try again after Retry-After seconds; let clients share connections, or raise --max-connections.' },
  { code: 'ERR_ENGINE_FAILED', status: 503, cause: 'The model could not be loaded, or produces no tokens any more.', remedy: 'Read the log, and restart the server.' },
  { code: 'ERR_SLO_UNREACHABLE', status: 503, cause: 'The queue is too long for the times that the request asks for, and the server refuses such requests (--refuse-missed-slo).', remedy: 'Send it later or elsewhere, or allow more time.' },
  { code: 'ERR_ENGINE_CLOSED', status: 503, cause: 'The engine was closed by its owner, or after a failure.', remedy: 'Load a new engine, or restart the server.' },
  // Starting.
  { code: 'ERR_INVALID_OPTION', status: 500, cause: 'An option or flag does not exist, cannot have this value, or contradicts another.', remedy: 'Correct it as the message says; docs/options.md lists all.' },
  { code: 'ERR_API_KEY_REQUIRED', status: 500, cause: 'The server should listen beyond loopback and has no API key.', remedy: 'Give --api-key or MILLRACE_API_KEY, listen on 127.0.0.1, or pass --insecure-no-api-key.' },
  { code: 'ERR_FOREIGN_HOST', status: 403, cause: 'A server without an API key, for this machine alone, got a request by a public name.', remedy: 'Give --api-key, send a Host such as localhost, or pass --insecure-no-api-key.' },
  { code: 'ERR_PORT_IN_USE', status: 500, cause: 'Another program listens on this port.', remedy: 'Choose another with --port or PORT; 0 takes any free one.' },
  { code: 'ERR_TLS', status: 500, cause: 'The certificate or the key for TLS cannot be read, is damaged, or they do not belong together; the message names the file.', remedy: 'Correct --tls-cert and --tls-key: PEM files, the key without a passphrase.' },
  { code: 'ERR_LISTEN', status: 500, cause: 'The address cannot be listened on.', remedy: 'Choose others with --host or HOST, and --port or PORT.' },
  { code: 'ERR_ADDON', status: 500, cause: 'The native part is missing, or was built for another version.', remedy: 'Build it: npm run build:native.' },
  { code: 'ERR_MODEL_NOT_FOUND', status: 404, cause: 'There is no folder, .gguf file or repository of that name, or it is not in the cache and downloads are off.', remedy: 'Check the spelling; see docs/models.md for what names a model.' },
  { code: 'ERR_MODEL_FILES', status: 500, cause: 'The model\'s files contradict themselves or each other, or one is missing.', remedy: 'Fetch the model again; the message names the file and the field.' },
  { code: 'ERR_MODEL_UNSUPPORTED', status: 501, cause: 'The model is sound, but needs something that is not implemented.', remedy: 'Take another model; docs/models.md lists what works.' },
  { code: 'ERR_TOKENIZER', status: 500, cause: 'The tokenizer\'s files are missing, broken, or made for another model.', remedy: 'Use the tokenizer that came with the weights.' },
  { code: 'ERR_MODEL_DOWNLOAD', status: 502, cause: 'Files could not be fetched from the hub.', remedy: 'Check the network, HF_ENDPOINT and HF_TOKEN; a download goes on where it stopped.' },
  { code: 'ERR_OUT_OF_MEMORY', status: 500, cause: 'The model, its KV cache and its workspace do not fit into memory; the message has the arithmetic.', remedy: 'Lower --max-model-len, --kv-cache-memory or --max-batch-tokens, or take a smaller model.' },
  { code: 'ERR_TRACE', status: 400, cause: 'A trace for `millrace simulate` or `millrace replay` has a line that cannot be read.', remedy: 'Correct the line and field that the message names; docs/simulation.md has the format.' },
  { code: 'ERR_PROFILER_STATE', status: 500, cause: 'The file in which the profiler keeps what it learnt is damaged, or of another version.', remedy: 'Delete the file; everything in it is learnt anew.' },
  // The native part. While a model runs, these arrive as the cause of ERR_STEP_FAILED.
  { code: 'ERR_MODEL_FILE', cause: 'A safetensors or GGUF file is truncated or malformed.', remedy: 'Fetch the file again; the message names it and what is wrong.' },
  { code: 'ERR_MODEL_FILE_MISSING', cause: 'A file that the model needs is not there.', remedy: 'Fetch the missing shard.' },
  { code: 'ERR_MODEL_SPEC', cause: 'The description of the model that native code got is not usable.', remedy: 'Check config.json against the model\'s original.' },
  { code: 'ERR_MODEL_TENSORS', cause: 'The checkpoint lacks a tensor, or has it in another shape than its configuration says.', remedy: 'Check that config.json belongs to these weights.' },
  { code: 'ERR_UNSUPPORTED_DTYPE', cause: 'A tensor has a number format that is not implemented.', remedy: 'Convert the model to F32, F16, BF16, Q8_0, Q6_K, Q4_K or Q4_0.' },
  { code: 'ERR_UNSUPPORTED_ISA', cause: 'The kernels asked for need instructions that this CPU lacks.', remedy: 'Use --kernels auto.' },
  { code: 'ERR_DEVICE_MAP', cause: 'The device map does not fit the model or the devices.', remedy: 'Correct --device-map as the message says.' },
  { code: 'ERR_DEVICE_UNAVAILABLE', status: 500, cause: 'There is no such device on this machine, or it cannot be used; the message says why.', remedy: 'Use one that `millrace devices` lists as usable, or mend what it says.' },
  { code: 'ERR_DEVICE_LOST', status: 503, cause: 'A cuda device failed in a way that ends its use by this process: a fault of the hardware, the driver or a kernel. All running requests fail, and the engine closes.', remedy: 'Restart the server. If it stays so, look into the system\'s log for Xid messages of the driver.' },
  { code: 'ERR_DEVICE_FAILED', cause: 'A call of the CUDA driver failed; the device can go on.', remedy: 'Report the message.' },
  { code: 'ERR_THREADS_FIXED', cause: 'The number of compute threads was set after the first model had been loaded.', remedy: 'Set it before; it holds for the whole process.' },
  { code: 'ERR_INVALID_ARGUMENT', cause: 'A call of the addon got an argument of the wrong type or range.', remedy: 'Report it, unless you call the addon yourself.' },
  { code: 'ERR_INVALID_STEP', cause: 'A step\'s input arrays contradict each other or the slots.', remedy: 'Report it, unless you call the addon yourself.' },
  { code: 'ERR_BAD_SLOT', cause: 'A slot that is not open, or that samples already.', remedy: 'Report it, unless you call the addon yourself.' },
  { code: 'ERR_QUEUE_FULL', cause: 'A third step was queued while two were running.', remedy: 'Report it, unless you call the addon yourself.' },
  { code: 'ERR_MODEL_DISPOSED', cause: 'The model was disposed while, or before, it was used.', remedy: 'Load it again.' },
  { code: 'ERR_NATIVE_STEP', cause: 'A step failed in native code.', remedy: 'Report the message.' },
  { code: 'ERR_NATIVE', cause: 'Native code failed in a way that has no code of its own.', remedy: 'Report the message.' }
]
