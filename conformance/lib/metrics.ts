import type { Target } from './target.js'

/** The numbers of a server, by name, those of all labels summed; undefined when it shows none. */
export async function readMetrics (target: Target): Promise<Metrics | undefined> {
  const answer = await target.send('/metrics').catch(() => undefined)
  return answer?.status === 200 ? new Metrics(answer.text) : undefined
}

export class Metrics {
  readonly #lines: readonly string[]

  constructor (exposition: string) {
    this.#lines = exposition.split('\n').filter(line => line !== '' && !line.startsWith('#'))
  }

  /** The sum of a metric's series whose line holds `label`; undefined when there is no such metric. */
  sum (names: readonly string[], label = ''): number | undefined {
    const lines = this.#lines.filter(line => names.includes(/^[^{\s]+/.exec(line)![0]))
    if (lines.length === 0) return undefined
    return lines.filter(line => line.includes(label)).reduce((sum, line) => sum + Number(/\s([^\s]+)(?:\s\d+)?$/.exec(line)![1]), 0)
  }

  /** Requests that run or wait. */
  get active (): number | undefined {
    const running = this.sum(['vllm:num_requests_running', 'llamacpp:requests_processing', 'sglang:num_running_reqs'])
    const waiting = this.sum(['vllm:num_requests_waiting', 'llamacpp:requests_deferred', 'sglang:num_queue_reqs'])
    return running === undefined ? undefined : running + (waiting ?? 0)
  }

  /** Share of the KV cache that requests hold. */
  get kvUsage (): number | undefined {
    return this.sum(['vllm:kv_cache_usage_perc', 'llamacpp:kv_cache_usage_ratio', 'sglang:token_usage'])
  }

  get aborted (): number | undefined {
    return this.sum(['vllm:request_success_total'], 'finished_reason="abort"')
  }

  get residentBytes (): number | undefined {
    return this.sum(['process_resident_memory_bytes'])
  }
}

/** Waits until the numbers are as they should be; returns the last ones when they do not become so. */
export async function settled (target: Target, isRight: (metrics: Metrics) => boolean, patienceMs: number): Promise<Metrics | undefined> {
  const deadline = performance.now() + patienceMs
  for (;;) {
    const metrics = await readMetrics(target)
    if (metrics === undefined || isRight(metrics) || performance.now() > deadline) return metrics
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}
