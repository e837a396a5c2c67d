import { OverloadedError } from '../core/errors.js'
import { JobThread, type JobFailure } from '../threads/job-thread.js'
import type { CompileJob, CompileReply } from './compile-job.js'
import { GrammarError } from './errors.js'

export interface CompileLimits {
  /** Wall time of one grammar, in ms. */
  readonly timeoutMs: number
  /** Heap of the thread. */
  readonly maxHeapMib: number
}

export const defaultCompileLimits: CompileLimits = { timeoutMs: 5000, maxHeapMib: 512 }

/** Where grammars are compiled. */
export class CompileThread {
  readonly #thread: JobThread<CompileJob, CompileReply>

  constructor (limits: CompileLimits = defaultCompileLimits) {
    this.#thread = new JobThread({
      module: new URL('./compile-worker.js', import.meta.url), ...limits, toError: failure => failureOf(failure, limits)
    })
  }

  /**
   * @throws GrammarError when the constraint is refused, or exceeds a limit; OverloadedError; and the signal's reason
   * when that drops a job that has not begun
   */
  async run<Kind extends CompileReply['kind']> (job: CompileJob, kind: Kind, signal?: AbortSignal): Promise<Extract<CompileReply, { kind: Kind }>> {
    const reply = await this.#thread.run(job, signal)
    if (reply.kind === 'refused') throw new GrammarError(reply.message, reply.path)
    if (reply.kind !== kind) throw new GrammarError(`It cannot be read: ${reply.kind === 'failed' ? reply.message : reply.kind}.`)
    return reply as Extract<CompileReply, { kind: Kind }>
  }

  async close (): Promise<void> {
    await this.#thread.close()
  }
}

function failureOf (failure: JobFailure, limits: CompileLimits): Error {
  return failure.kind === 'full'
    ? new OverloadedError('queuedRequests', `${failure.waiting} constraints wait to be read, and no more may.`, failure.waitMs)
    : new GrammarError(failureText(failure, limits))
}

function failureText (failure: Exclude<JobFailure, { kind: 'full' }>, { timeoutMs, maxHeapMib }: CompileLimits): string {
  switch (failure.kind) {
    case 'tooSlow': return `It took longer than ${timeoutMs} ms to read. Make it smaller.`
    case 'tooLarge': return `It needed more than ${maxHeapMib} MiB of memory. Make it smaller.`
    case 'closed': return 'The engine was closed while it was read.'
    default: return `The thread that read it failed: ${failure.message}`
  }
}
