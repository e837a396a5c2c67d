import { Worker, type WorkerOptions } from 'node:worker_threads'
import type { CompileJob, CompileReply } from './compile-job.js'
import { GrammarError } from './errors.js'

type JobReply = Exclude<CompileReply, { kind: 'ready' }>

export interface CompileLimits {
  /** Wall time of one grammar, in ms. */
  readonly timeoutMs: number
  /** Heap of the thread. */
  readonly maxHeapMib: number
}

export const defaultCompileLimits: CompileLimits = { timeoutMs: 5000, maxHeapMib: 512 }

/** A thread that starts with its first job, does one at a time, and is stopped with a job that exceeds a limit. */
export class CompileThread {
  readonly #limits: CompileLimits
  #worker: Worker | undefined
  readonly #ready = new WeakSet<Worker>()
  #last: Promise<unknown> = Promise.resolve()

  constructor (limits: CompileLimits = defaultCompileLimits) {
    this.#limits = limits
  }

  /** @throws GrammarError when the constraint is refused, or exceeds a limit */
  async run<Kind extends JobReply['kind']> (job: CompileJob, kind: Kind): Promise<Extract<JobReply, { kind: Kind }>> {
    const turn = this.#last.then(async () => await this.#run(job))
    this.#last = turn.catch(() => undefined)
    const reply = await turn
    if (reply.kind === 'refused') throw new GrammarError(reply.message, reply.path)
    if (reply.kind !== kind) throw new GrammarError(`It cannot be read: ${reply.kind === 'failed' ? reply.message : reply.kind}.`)
    return reply as Extract<JobReply, { kind: Kind }>
  }

  /** Ends the thread; a later job starts a new one. */
  async close (): Promise<void> {
    const worker = this.#worker
    this.#worker = undefined
    await worker?.terminate()
  }

  async #run (job: CompileJob): Promise<JobReply> {
    const worker = this.#worker ??= startWorker(this.#limits)
    let timer: NodeJS.Timeout | undefined
    worker.ref()
    const listeners = new AbortController()
    try {
      return await new Promise<JobReply>((resolve, reject) => {
        const fail = (message: string): void => {
          if (this.#worker === worker) this.#worker = undefined
          void worker.terminate()
          reject(new GrammarError(message))
        }
        // The time to load the thread is not the grammar's.
        const start = (): void => {
          timer = setTimeout(() => { fail(`It took longer than ${this.#limits.timeoutMs} ms to read. Make it smaller.`) }, this.#limits.timeoutMs)
          worker.postMessage(job)
        }
        const onMessage = (reply: CompileReply): void => {
          if (reply.kind !== 'ready') {
            resolve(reply)
            return
          }
          this.#ready.add(worker)
          start()
        }
        const onError = (error: Error): void => { fail(workerFailure(error, this.#limits)) }
        const onExit = (): void => { fail('The engine was closed while it was read.') }
        worker.on('message', onMessage).once('error', onError).once('exit', onExit)
        listeners.signal.addEventListener('abort', () => worker.off('message', onMessage).off('error', onError).off('exit', onExit))
        if (this.#ready.has(worker)) start()
      })
    } finally {
      clearTimeout(timer)
      listeners.abort()
      worker.unref()
    }
  }
}

function startWorker (limits: CompileLimits): Worker {
  const options: WorkerOptions = { execArgv: [], resourceLimits: { maxOldGenerationSizeMb: limits.maxHeapMib } }
  const worker = import.meta.url.endsWith('.ts')
    ? new Worker(typeScriptBootstrap, { ...options, eval: true })
    : new Worker(new URL('./compile-worker.js', import.meta.url), options)
  // Between jobs nobody else listens, and an error without a listener would end the process.
  worker.on('error', () => {})
  return worker
}

/** Run from sources, as tests do, a thread needs tsx's hooks before it can import TypeScript. */
const typeScriptBootstrap = `import('tsx/esm/api').then(tsx => {
  tsx.register()
  return import(${JSON.stringify(new URL('./compile-worker.ts', import.meta.url).href)})
})`

function workerFailure (error: Error, limits: CompileLimits): string {
  return (error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY'
    ? `It needed more than ${limits.maxHeapMib} MiB of memory. Make it smaller.`
    : `The thread that read it failed: ${error.message}`
}
