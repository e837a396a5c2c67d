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
  readonly cards?: readonly Card[]
}

/** A cuda device. 'cuda' alone stands for all where there is none. */
export interface Card {
  readonly name: string
  readonly memoryBytes: number
  readonly freeBytes: number | undefined
  /** Why it cannot be used; empty when it can. */
  readonly reason: string
}

export type ReadText = (path: string) => string | undefined

/** @param read reads a file of /sys/fs/cgroup or /proc, undefined when there is none */
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
  /** Of what the limit is for. */
  readonly usedBytes: number
  /** Cores' worth of time; undefined = no quota. */
  readonly cpus: number | undefined
}

/** The tightest limits of all groups that the process is in: its own, and those around it. */
function readCgroup (read: ReadText): Cgroup {
  const groups = groupFolders(read).map(folder => readGroup(read, folder))
  const tightest = groups.filter(({ limitBytes }) => limitBytes !== undefined).sort((a, b) => a.limitBytes! - b.limitBytes!)[0]
  const quotas = groups.map(({ cpus }) => cpus).filter(cpus => cpus !== undefined)
  return {
    limitBytes: tightest?.limitBytes,
    usedBytes: tightest?.usedBytes ?? 0,
    cpus: quotas.length > 0 ? Math.min(...quotas) : undefined
  }
}

const cgroupRoot = '/sys/fs/cgroup'

/**
 * Folders of the process's groups and of their parents. In a container the paths may be the host's, which are not
 * mounted there; the root is then the container's own group.
 */
function groupFolders (read: ReadText): string[] {
  const folders = new Set([cgroupRoot, `${cgroupRoot}/memory`, `${cgroupRoot}/cpu`])
  for (const line of (read('/proc/self/cgroup') ?? '').split('\n')) {
    // hierarchy:controllers:path, without controllers in version 2
    const [, controllers, path] = /^\d+:([^:]*):\/(.*)$/.exec(line) ?? []
    if (controllers === undefined || path === undefined) continue
    const root = controllers === '' ? cgroupRoot : `${cgroupRoot}/${controllers}`
    const parts = path.split('/').filter(part => part !== '')
    for (let depth = 0; depth <= parts.length; depth++) folders.add([root, ...parts.slice(0, depth)].join('/'))
  }
  return [...folders]
}

/** Files of version 2, or of version 1. */
function readGroup (read: ReadText, folder: string): Cgroup {
  const limit = read(`${folder}/memory.max`)
  const [quota, period] = (read(`${folder}/cpu.max`) ?? '').trim().split(' ')
  const cpus = quotaOf(numberIn(quota), numberIn(period)) ??
    quotaOf(numberIn(read(`${folder}/cpu.cfs_quota_us`)), numberIn(read(`${folder}/cpu.cfs_period_us`)))
  const stat = read(`${folder}/memory.stat`)
  if (limit !== undefined) {
    return { limitBytes: numberIn(limit), usedBytes: usedBytes(read(`${folder}/memory.current`), stat, 'inactive_file'), cpus }
  }
  return {
    limitBytes: numberIn(read(`${folder}/memory.limit_in_bytes`)),
    usedBytes: usedBytes(read(`${folder}/memory.usage_in_bytes`), stat, 'total_inactive_file'),
    cpus
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
