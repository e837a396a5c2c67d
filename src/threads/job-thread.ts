import { Worker, type WorkerOptions } from 'node:worker_threads'
import { Turns } from './turns.js'

/** What a thread sends first: it has loaded, and waits for jobs. */
export interface ThreadReady {
  readonly kind: 'ready'
}

/** Why a job has no reply; of `refused`, the job could not be sent. */
export type JobFailure =
  | { readonly kind: 'tooSlow' | 'tooLarge' | 'closed' }
  | { readonly kind: 'failed' | 'refused', readonly message: string }
  /** So many jobs wait, for so long, and no more may. */
  | { readonly kind: 'full', readonly waiting: number, readonly waitMs: number }

export interface JobThreadOptions {
  /** The thread's module, as it is called once compiled. */
  readonly module: URL
  readonly workerData?: unknown
  /** Wall time of one job, in ms. */
  readonly timeoutMs: number
  /** Heap of the thread. */
  readonly maxHeapMib: number
  /** Jobs that may wait for the one that runs. Default 1024. */
  readonly maxWaiting?: number
  readonly toError: (failure: JobFailure) => Error
}

/** A thread that starts with its first job, does one at a time, and is stopped with a job that exceeds a limit. */
export class JobThread<Job, Reply extends { readonly kind: string }> {
  readonly #options: JobThreadOptions
  #worker: Worker | undefined
  readonly #ready = new WeakSet<Worker>()
  readonly #turns = new Turns()
  /** Of late, for one job. */
  #jobMs = 0

  constructor (options: JobThreadOptions) {
    this.#options = options
  }

  /**
   * A job that has begun goes on when its signal aborts; one that waits is dropped.
   *
   * @throws what `toError` makes of a failure, and the signal's reason
   */
  async run (job: Job, signal?: AbortSignal): Promise<Reply> {
    const { maxWaiting = 1024, toError } = this.#options
    const { waiting } = this.#turns
    if (waiting >= maxWaiting) throw toError({ kind: 'full', waiting, waitMs: waiting * this.#jobMs })
    await this.#turns.take(signal)
    const startMs = performance.now()
    try {
      return await this.#run(job)
    } finally {
      this.#jobMs += (performance.now() - startMs - this.#jobMs) / 8
      this.#turns.pass()
    }
  }

  /** Ends the thread; a later job starts a new one. */
  async close (): Promise<void> {
    const worker = this.#worker
    this.#worker = undefined
    await worker?.terminate()
  }

  async #run (job: Job): Promise<Reply> {
    const { timeoutMs, toError } = this.#options
    const worker = this.#worker ??= startWorker(this.#options)
    let timer: NodeJS.Timeout | undefined
    let detach: (() => void) | undefined
    worker.ref()
    try {
      return await new Promise<Reply>((resolve, reject) => {
        const fail = (failure: JobFailure): void => {
          if (this.#worker === worker) this.#worker = undefined
          void worker.terminate()
          reject(toError(failure))
        }
        // The time to load the thread is not the job's.
        const start = (): void => {
          timer = setTimeout(() => { fail({ kind: 'tooSlow' }) }, timeoutMs)
          try {
            worker.postMessage(job)
          } catch (error) {
            reject(toError({ kind: 'refused', message: (error as Error).message }))
          }
        }
        const onMessage = (reply: Reply | ThreadReady): void => {
          if (reply.kind !== 'ready') {
            resolve(reply as Reply)
            return
          }
          this.#ready.add(worker)
          start()
        }
        const onError = (error: Error): void => { fail(failureOf(error)) }
        const onExit = (): void => { fail({ kind: 'closed' }) }
        worker.on('message', onMessage).once('error', onError).once('exit', onExit)
        detach = () => { worker.off('message', onMessage).off('error', onError).off('exit', onExit) }
        if (this.#ready.has(worker)) start()
      })
    } finally {
      clearTimeout(timer)
      detach?.()
      worker.unref()
    }
  }
}

function startWorker ({ module, workerData, maxHeapMib }: JobThreadOptions): Worker {
  const options: WorkerOptions = { workerData, execArgv: [], resourceLimits: { maxOldGenerationSizeMb: maxHeapMib } }
  const worker = import.meta.url.endsWith('.ts')
    ? new Worker(typeScriptBootstrap(module), { ...options, eval: true })
    : new Worker(module, options)
  // Between jobs nobody else listens, and an error without a listener would end the process.
  worker.on('error', () => {})
  return worker
}

/** Run from sources, as tests do, a thread needs tsx's hooks before it can import TypeScript. */
function typeScriptBootstrap (module: URL): string {
  return `import('tsx/esm/api').then(tsx => {
  tsx.register()
  return import(${JSON.stringify(module.href.replace(/\.js$/, '.ts'))})
})`
}

function failureOf (error: Error): JobFailure {
  return (error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY' ? { kind: 'tooLarge' } : { kind: 'failed', message: error.message }
}
