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
      module: new URL('./compile-worker.js', import.meta.url), ...limits, toError: failure => new GrammarError(failureText(failure, limits))
    })
  }

  /** @throws GrammarError when the constraint is refused, or exceeds a limit */
  async run<Kind extends CompileReply['kind']> (job: CompileJob, kind: Kind): Promise<Extract<CompileReply, { kind: Kind }>> {
    const reply = await this.#thread.run(job)
    if (reply.kind === 'refused') throw new GrammarError(reply.message, reply.path)
    if (reply.kind !== kind) throw new GrammarError(`It cannot be read: ${reply.kind === 'failed' ? reply.message : reply.kind}.`)
    return reply as Extract<CompileReply, { kind: Kind }>
  }

  async close (): Promise<void> {
    await this.#thread.close()
  }
}

function failureText (failure: JobFailure, { timeoutMs, maxHeapMib }: CompileLimits): string {
  switch (failure.kind) {
    case 'tooSlow': return `It took longer than ${timeoutMs} ms to read. Make it smaller.`
    case 'tooLarge': return `It needed more than ${maxHeapMib} MiB of memory. Make it smaller.`
    case 'closed': return 'The engine was closed while it was read.'
    default: return `The thread that read it failed: ${failure.message}`
  }
}
