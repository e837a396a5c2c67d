import type { DeviceStage } from './device-map.js'
import type { Machine } from './machine.js'

/** Memory in which a part of the model lies: that of the machine, or of a card. */
export interface MemoryPool {
  /** As messages name it. */
  readonly name: string
  readonly isHost: boolean
  readonly availableBytes: number
  readonly limitBytes: number
  /** Of the weights, and of the KV of each token: from 0 to 1. */
  readonly share: number
  /** Devices of the map that have a workspace in it. */
  readonly workspaces: number
}

export const hostPool = ({ availableBytes, limitBytes, limitedBy }: Machine, share = 1): MemoryPool =>
  ({ name: limitedBy, isHost: true, availableBytes, limitBytes, share, workspaces: 1 })

/** What a device map takes from which memory: layers count alike, and the devices of a stage share them. */
export function memoryPools (deviceMap: readonly DeviceStage[], numLayers: number, machine: Machine): MemoryPool[] {
  const used = new Map<string, { share: number, workspaces: number }>()
  for (const { start, end, devices } of deviceMap) {
    for (const device of devices) {
      const name = device.startsWith('cuda:') ? device : 'host'
      const before = used.get(name) ?? { share: 0, workspaces: 0 }
      used.set(name, { share: before.share + (end - start) / numLayers / devices.length, workspaces: before.workspaces + 1 })
    }
  }
  return [...used].map(([name, { share, workspaces }]) => {
    if (name === 'host') return hostPool(machine, used.size === 1 ? 1 : share)
    const card = machine.cards?.find(card => card.name === name)
    const limitBytes = card?.memoryBytes ?? 0
    return { name, isHost: false, availableBytes: card?.freeBytes ?? limitBytes, limitBytes, share, workspaces }
  })
}
