import { InvalidOptionError } from '../core/errors.js'
import { didYouMean } from '../core/suggest.js'
import { parseOption, type OptionSchema } from '../engine/options.js'
import { parseApiKeys, type ApiKey } from './api-key.js'
import { parseOrigins } from './cors.js'

/** Options of the server, in the form of the engine's: the source of `--help` and docs/options.md. */
export const serverOptions = {
  host: {
    type: 'string',
    minLength: 1,
    default: '127.0.0.1',
    description: 'Address to listen on. Beyond loopback an API key is required. Environment: HOST too.'
  },
  port: {
    type: 'integer',
    minimum: 0,
    maximum: 65535,
    default: 8000,
    description: 'Port to listen on; 0 takes any free one. Environment: PORT too.'
  },
  apiKey: {
    type: 'string',
    minLength: 1,
    isSecret: true,
    isList: true,
    description: 'Keys that clients may use, separated by commas. Better in the environment or the config file: other users of the machine can see command lines.'
  },
  apiKeyFile: {
    type: 'string',
    minLength: 1,
    description: 'File with a key on each line, beside those of api-key: key name requests=60 tokens=100000, of which the key alone is needed; # begins a comment. SIGHUP reads it again.'
  },
  adminKey: {
    type: 'string',
    minLength: 1,
    isSecret: true,
    description: 'Key that opens everything, the routes under /admin too. Without one there are none of these.'
  },
  rateLimitRequests: {
    type: 'integer',
    minimum: 1,
    maximum: 1e12,
    description: 'Requests that each key may send a minute, where the key file says nothing else; without keys, all clients together. Default: any number.'
  },
  rateLimitTokens: {
    type: 'integer',
    minimum: 1,
    maximum: 1e12,
    description: 'Tokens, of prompts and answers, that each key may use a minute; as above.'
  },
  sharePrefixes: {
    type: 'boolean',
    default: false,
    description: 'Requests of all keys share cached prompts, where cache_salt does not set them apart. That is faster where their prompts begin alike, ' +
      'and lets each key find out what others have sent. Default: each key has its own.'
  },
  corsOrigin: {
    type: 'string',
    minLength: 1,
    isList: true,
    description: 'Origins whose pages may use the API from a browser, separated by commas, such as https://chat.example.org; * is any. Default: none.'
  },
  strictFields: {
    type: 'boolean',
    default: false,
    description: 'Refuse request fields that nobody knows with 400. Else they are ignored, and named in the header x-millrace-ignored-fields.'
  },
  insecureNoApiKey: {
    type: 'boolean',
    default: false,
    description: 'Listen beyond loopback without an API key: everybody who reaches the port can use the model.'
  },
  tlsCert: {
    type: 'string',
    minLength: 1,
    description: 'Certificate in a PEM file, with those between it and the root after it: the server speaks HTTPS. Read again at SIGHUP.'
  },
  tlsKey: {
    type: 'string',
    minLength: 1,
    description: 'Its private key in a PEM file, without a passphrase. Read again at SIGHUP.'
  },
  tlsMinVersion: {
    type: 'string',
    enum: ['TLSv1.2', 'TLSv1.3'],
    default: 'TLSv1.2',
    description: 'Oldest version of TLS that is spoken.'
  },
  bodyLimitBytes: {
    type: 'integer',
    minimum: 1024,
    maximum: 2 ** 30,
    default: 16 * 2 ** 20,
    description: 'Largest body of a request, in bytes.'
  },
  maxUploadBytes: {
    type: 'integer',
    minimum: 1024,
    maximum: 2 ** 40,
    default: 256 * 2 ** 20,
    description: 'Memory for bodies that are on their way, all together, in bytes. What goes beyond it is refused with 503; one alone is always taken.'
  },
  maxConnections: {
    type: 'integer',
    minimum: 1,
    maximum: 1_000_000,
    default: 8192,
    description: 'Connections that may be open. Generation over more is refused with 503; those that are an eighth beyond it are closed at once.'
  },
  headersTimeoutMs: {
    type: 'integer',
    minimum: 100,
    maximum: 600_000,
    default: 30_000,
    description: 'How long the headers of a request may take to arrive.'
  },
  requestTimeoutMs: {
    type: 'integer',
    minimum: 100,
    maximum: 3_600_000,
    default: 60_000,
    description: 'How long a whole request, its body included, may take to arrive. Answers take as long as they take.'
  },
  pingIntervalMs: {
    type: 'integer',
    minimum: 100,
    maximum: 600_000,
    default: 10_000,
    description: 'A stream without news sends a comment this often, so that proxies keep it open.'
  },
  stalledClientMs: {
    type: 'integer',
    minimum: 1000,
    maximum: 3_600_000,
    default: 120_000,
    description: 'A client that takes nothing of its stream for this long is cut off.'
  },
  responseStoreEntries: {
    type: 'integer',
    minimum: 0,
    maximum: 1_000_000,
    default: 1000,
    description: 'Answers of /v1/responses that are kept in memory, for previous_response_id; those that were used longest ago make room. 0 keeps none.'
  },
  responseStoreBytes: {
    type: 'integer',
    minimum: 0,
    maximum: 2 ** 40,
    default: 64 * 2 ** 20,
    description: 'Memory that these take at most, their conversations included.'
  },
  responseStoreIdleMs: {
    type: 'integer',
    minimum: 1000,
    maximum: 30 * 24 * 3_600_000,
    default: 24 * 3_600_000,
    description: 'One that nobody has asked for in this time is dropped.'
  },
  drainTimeoutMs: {
    type: 'integer',
    minimum: 0,
    maximum: 3_600_000,
    default: 30_000,
    description: 'How long running requests may go on after SIGTERM.'
  },
  logLevel: {
    type: 'string',
    enum: ['silent', 'error', 'warn', 'info', 'debug'],
    default: 'warn',
    description: 'What the log on stderr holds, as JSON lines. info has a line for every request, without its texts.'
  },
  logPrompts: {
    type: 'boolean',
    default: false,
    description: 'The log lines of requests (log-level info) hold prompts and answers too: whoever reads the log reads them.'
  }
} as const satisfies Readonly<Record<string, OptionSchema>>

/** What the routes need to know; the address belongs to `listen`. */
export interface ServerOptions {
  /** Keys that clients may use; none = everybody. */
  readonly apiKeys: ReadonlyArray<string | ApiKey>
  /** With keys of its own beside these; it can be read again. */
  readonly apiKeyFile?: string | undefined
  readonly adminKey?: string | undefined
  /** Of each key, in a minute; undefined = any number. */
  readonly rateLimitRequests?: number | undefined
  readonly rateLimitTokens?: number | undefined
  readonly sharePrefixes: boolean
  readonly corsOrigins: readonly string[]
  readonly strictFields: boolean
  readonly headersTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly bodyLimitBytes: number
  readonly maxUploadBytes: number
  readonly maxConnections: number
  readonly pingIntervalMs: number
  readonly stalledClientMs: number
  readonly responseStoreEntries: number
  readonly responseStoreBytes: number
  readonly responseStoreIdleMs: number
  readonly logLevel: 'silent' | 'error' | 'warn' | 'info' | 'debug'
  readonly logPrompts: boolean
}

export const serverDefaults: ServerOptions = {
  apiKeys: [],
  corsOrigins: [],
  sharePrefixes: serverOptions.sharePrefixes.default,
  strictFields: serverOptions.strictFields.default,
  headersTimeoutMs: serverOptions.headersTimeoutMs.default,
  requestTimeoutMs: serverOptions.requestTimeoutMs.default,
  bodyLimitBytes: serverOptions.bodyLimitBytes.default,
  maxUploadBytes: serverOptions.maxUploadBytes.default,
  maxConnections: serverOptions.maxConnections.default,
  pingIntervalMs: serverOptions.pingIntervalMs.default,
  stalledClientMs: serverOptions.stalledClientMs.default,
  responseStoreEntries: serverOptions.responseStoreEntries.default,
  responseStoreBytes: serverOptions.responseStoreBytes.default,
  responseStoreIdleMs: serverOptions.responseStoreIdleMs.default,
  logLevel: serverOptions.logLevel.default,
  logPrompts: serverOptions.logPrompts.default
}

/** Of a server that listens for itself. */
const listenOnly: readonly string[] = ['host', 'port', 'insecureNoApiKey', 'tlsCert', 'tlsKey', 'tlsMinVersion'] satisfies Array<keyof typeof serverOptions>
/** A part of another server leaves these to it too. */
export const hostOnly: readonly string[] = [...listenOnly, ...['headersTimeoutMs', 'requestTimeoutMs', 'maxConnections'] satisfies Array<keyof typeof serverOptions>]

/** As programs give them, to `listen` and to the plug-in. */
export interface ApiOptions extends Partial<Omit<ServerOptions, 'apiKeys' | 'corsOrigins'>> {
  /** One key, several with commas between, or a list. */
  readonly apiKey?: string | readonly string[] | undefined
  /** One origin, several with commas between, or a list. */
  readonly corsOrigin?: string | readonly string[] | undefined
  readonly drainTimeoutMs?: number
}

/**
 * Options with their defaults; those of `listen` alone are left out.
 *
 * @throws InvalidOptionError
 */
export function checkedServerOptions ({ apiKey, corsOrigin, ...given }: ApiOptions, notHere = listenOnly): ServerOptions & { readonly drainTimeoutMs: number } {
  const foreign = notHere.find(name => Object.hasOwn(given, name))
  if (foreign !== undefined) throw new InvalidOptionError(foreign, `${foreign} is an option of listen; a part of another server listens where that one does.`)
  const checked = parseServerOptions(given) as Omit<ApiOptions, 'apiKey' | 'corsOrigin'>
  return {
    ...serverDefaults,
    drainTimeoutMs: serverOptions.drainTimeoutMs.default,
    ...checked,
    apiKeys: typeof apiKey === 'string' ? parseApiKeys(apiKey) : apiKey ?? [],
    corsOrigins: parseOrigins(corsOrigin)
  }
}

/**
 * Checks options by the schema; numbers may be texts, as flags give them. What is undefined is left out.
 *
 * @throws InvalidOptionError that names the option, and the nearest one for a name that does not exist
 */
export function parseServerOptions (values: object): Record<string, unknown> {
  const schemas: Readonly<Record<string, OptionSchema>> = serverOptions
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined).map(([name, value]) => {
    const schema = Object.hasOwn(schemas, name) ? schemas[name] : undefined
    if (schema === undefined) throw new InvalidOptionError(name, `There is no option ${name}.${didYouMean(name, Object.keys(schemas))}`)
    return [name, parseOption(name, schema, value)]
  }))
}
