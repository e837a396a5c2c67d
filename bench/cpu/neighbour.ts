import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { stop } from '../lib/child.js'

/** A stranger on the machine: one thread that never rests, or one that works a fifth of the time. */
export type Neighbour = 'busy' | 'fifth'

export const neighbourCores: Readonly<Record<Neighbour, number>> = { busy: 1, fifth: 0.2 }

const programs: Readonly<Record<Neighbour, string>> = {
  busy: 'for (;;);',
  // 4 ms of every 20.
  fifth: 'setInterval(() => { const end = performance.now() + 4; while (performance.now() < end); }, 20)'
}

/** Returns what ends it. */
export async function startNeighbour (neighbour: Neighbour | undefined): Promise<() => Promise<void>> {
  if (neighbour === undefined) return async () => {}
  const child = spawn(process.execPath, ['-e', programs[neighbour]], { stdio: 'ignore' })
  await sleep(300) // started, and warm
  return async () => { await stop(child) }
}
