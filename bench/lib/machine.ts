import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, release, totalmem } from 'node:os'

export interface Machine {
  readonly date: string
  readonly commit: string
  readonly cpu: string
  readonly cores: number
  readonly memoryBytes: number
  readonly kernel: string
  readonly node: string
}

export function describeMachine (): Machine {
  const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim()
  const isClean = git('status', '--porcelain', '--untracked-files=no') === ''
  return {
    date: new Date().toISOString(),
    commit: git('rev-parse', '--short', 'HEAD') + (isClean ? '' : ' with changes'),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.version
  }
}

/** Jiffies that all cores together have spent, and of those the ones doing nothing. */
interface CpuTimes { readonly total: number, readonly idle: number }

/** Reads the first line of /proc/stat: user nice system idle iowait irq softirq steal (guest times are within user's). */
export function parseCpuTimes (stat: string): CpuTimes {
  const times = stat.split('\n', 1)[0]!.trim().split(/\s+/).slice(1, 9).map(Number)
  return { total: times.reduce((sum, time) => sum + time, 0), idle: times[3]! + times[4]! }
}

/** Cores that were busy on average over the next `ms`; 0 where /proc does not tell. This process only sleeps meanwhile. */
export async function busyCores (ms: number): Promise<number> {
  const before = cpuTimes()
  await new Promise(resolve => { setTimeout(resolve, ms) })
  const after = cpuTimes()
  if (before === undefined || after === undefined) return 0
  return busyShare(before, after) * cpus().length
}

export function busyShare (before: CpuTimes, after: CpuTimes): number {
  const total = after.total - before.total
  return total <= 0 ? 0 : 1 - (after.idle - before.idle) / total
}

function cpuTimes (): CpuTimes | undefined {
  try {
    return parseCpuTimes(readFileSync('/proc/stat', 'utf8'))
  } catch {
    return undefined
  }
}

export interface ProcessMemory {
  readonly rssBytes: number
  /** Of that: heap, stacks, and what was copied; not pages of mapped files. */
  readonly anonymousBytes: number
}

export function processMemory (pid: number | 'self'): ProcessMemory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? NaN)
  return { rssBytes: kib('VmRSS') * 1024, anonymousBytes: kib('RssAnon') * 1024 }
}
