import { readFileSync } from 'node:fs'
import { availableParallelism, freemem, totalmem } from 'node:os'

/** What this process may use of the machine. */
export interface Machine {
  /** Memory that is not in use, within the cgroup's limit. */
  readonly availableBytes: number
  /** The limit itself: of the cgroup, else of the system. */
  readonly limitBytes: number
  /** 'cgroup' or 'system', whichever sets the limit. */
  readonly limitedBy: 'cgroup' | 'system'
  /** Cores, or the CPU quota if that is less; at least 1. */
  readonly threads: number
}

export type ReadText = (path: string) => string | undefined

/** @param read reads a file of /sys/fs/cgroup, undefined when there is none */
export function readMachine (read: ReadText = tryRead): Machine {
  const group = readCgroup(read)
  const isLimited = group.limitBytes !== undefined && group.limitBytes < totalmem()
  const limitBytes = isLimited ? group.limitBytes : totalmem()
  const availableBytes = isLimited ? Math.max(0, Math.min(freemem(), limitBytes - group.usedBytes)) : freemem()
  const threads = Math.max(1, Math.min(availableParallelism(), Math.ceil(group.cpus ?? Infinity)))
  return { availableBytes, limitBytes, limitedBy: isLimited ? 'cgroup' : 'system', threads }
}

interface Cgroup {
  readonly limitBytes: number | undefined
  readonly usedBytes: number
  /** Cores' worth of time; undefined = no quota. */
  readonly cpus: number | undefined
}

function readCgroup (read: ReadText): Cgroup {
  const v2 = '/sys/fs/cgroup'
  const limit = read(`${v2}/memory.max`)
  if (limit !== undefined || read(`${v2}/cpu.max`) !== undefined) {
    const [quota, period] = (read(`${v2}/cpu.max`) ?? 'max').trim().split(' ')
    return {
      limitBytes: numberIn(limit),
      usedBytes: usedBytes(read(`${v2}/memory.current`), read(`${v2}/memory.stat`), 'inactive_file'),
      cpus: quotaOf(numberIn(quota), numberIn(period))
    }
  }
  const memory = `${v2}/memory`
  return {
    limitBytes: numberIn(read(`${memory}/memory.limit_in_bytes`)),
    usedBytes: usedBytes(read(`${memory}/memory.usage_in_bytes`), read(`${memory}/memory.stat`), 'total_inactive_file'),
    cpus: quotaOf(numberIn(read(`${v2}/cpu/cpu.cfs_quota_us`)), numberIn(read(`${v2}/cpu/cpu.cfs_period_us`)))
  }
}

/** File pages that nobody uses count as used, but are given back on demand. */
function usedBytes (current: string | undefined, stat: string | undefined, inactive: string): number {
  const reclaimable = numberIn(new RegExp(`^${inactive} (\\d+)$`, 'm').exec(stat ?? '')?.[1])
  return Math.max(0, (numberIn(current) ?? 0) - (reclaimable ?? 0))
}

function quotaOf (quota: number | undefined, period: number | undefined): number | undefined {
  return quota === undefined || period === undefined || period === 0 ? undefined : quota / period
}

/** 'max', -1 and the like are no number. */
function numberIn (text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text.trim()) ? Number(text.trim()) : undefined
}

function tryRead (path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
