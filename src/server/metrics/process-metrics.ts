import { performance } from 'node:perf_hooks'
import { Counter, Gauge, type Registry } from 'prom-client'

/**
 * The process, by the common names. Read at each scrape only: the package's own set keeps a timer and watches
 * each garbage collection.
 */
export function collectProcess (registry: Registry): void {
  const registers = [registry]
  const cpu: Counter = new Counter({
    name: 'process_cpu_seconds_total', help: 'Processor time of the process, user and system.', registers,
    collect: () => {
      const { user, system } = process.cpuUsage()
      cpu.reset()
      cpu.inc((user + system) / 1e6)
    }
  })
  const sampled = (name: string, help: string, value: () => number): void => {
    const made: Gauge = new Gauge({ name, help, registers, collect: () => { made.set(value()) } })
  }
  sampled('process_start_time_seconds', 'When the process started, in seconds since 1970.', () => performance.timeOrigin / 1000)
  sampled('process_resident_memory_bytes', 'Memory of the process.', () => process.memoryUsage.rss())
  sampled('nodejs_heap_size_used_bytes', 'Memory of JavaScript objects.', () => process.memoryUsage().heapUsed)
  sampled('nodejs_eventloop_utilization', 'Share of the time since the start in which JavaScript was busy, 0 to 1.',
    () => performance.eventLoopUtilization().utilization)
}
