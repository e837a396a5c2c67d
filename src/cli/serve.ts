import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Engine } from '../engine/engine.js'
import { loadAddon } from '../native/addon.js'
import { listen, type ServedEngine } from '../server/index.js'
import { envValue, printLine, type Io } from './io.js'
import { loadEngine, type LoadedModel } from './load-engine.js'
import { embeddedModelPath, nameBeforeLoading } from './model-name.js'
import { configText } from './print-config.js'
import { reloadOnHangup } from './reload-signal.js'
import { servingSummary } from './serving-summary.js'
import { readSettings } from './settings.js'
import { shutdownSignals } from './shutdown-signals.js'

/** `millrace serve`: opens the port, loads the model, and serves until it is told to stop. */
export async function serve (flags: Readonly<Record<string, unknown>>, io: Io): Promise<void> {
  const settings = readSettings(flags, io, { model: embeddedModelPath, profilerState: profilerFolder(io) })
  if (flags['printConfig'] === true) {
    io.stdout.write(configText(settings))
    return
  }
  const { model, engine: options, server: listenOptions } = settings
  const loaded = deferred<LoadedModel>()
  let done = 0
  const server = await listen({
    modelNames: [options.servedModelName ?? nameBeforeLoading(model)],
    engine: loaded.promise.then(({ engine }): ServedEngine => engine),
    progress: () => done
  }, listenOptions)
  const signals = shutdownSignals()
  const endReloading = reloadOnHangup(server, io)
  let engine: Engine | undefined
  try {
    printLine(io.stderr, `Listening on ${server.url}; loading ${model}`)
    loaded.follow(loadEngine(model, options, io, ratio => { done = ratio }))
    const outcome = await Promise.race([loaded.promise, signals.first])
    if (outcome === 'stop') return
    engine = outcome.engine
    await Promise.race([server.host.settled, signals.first])
    if (server.host.state === 'failed') throw server.host.failure!
    const needsKey = listenOptions.apiKey !== undefined || listenOptions.apiKeyFile !== undefined
    printLine(io.stdout, servingSummary(outcome, { url: server.url, needsKey, addon: loadAddon() }))
    await signals.first
    printLine(io.stderr, 'Stopping: running requests may finish; a second signal stops at once.')
  } finally {
    await server.close(engine === undefined ? { timeoutMs: 0 } : {})
    await engine?.close()
    signals.end()
    endReloading()
  }
}

/** In the user's cache directory. */
function profilerFolder (io: Io): string {
  const cache = envValue(io, 'XDG_CACHE_HOME') ?? join(envValue(io, 'HOME') ?? homedir(), '.cache')
  return join(cache, 'millrace', 'profiler')
}

interface Deferred<T> {
  readonly promise: Promise<T>
  /** Settles as the other promise does. */
  follow (other: Promise<T>): void
}

function deferred<T> (): Deferred<T> {
  let follow!: (other: Promise<T>) => void
  const promise = new Promise<T>(resolve => { follow = resolve })
  // Whoever waits for it gets the error; before that it must not end the process.
  promise.catch(() => {})
  return { promise, follow }
}
