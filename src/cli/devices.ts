import { formatBytes } from '../core/bytes.js'
import { readMachine } from '../engine/machine.js'
import { loadAddon } from '../native/addon.js'
import { printLine, type Io } from './io.js'
import { table, twoColumns } from './table.js'

/** `millrace devices`: what could run a model here. */
export function devices (flags: Readonly<Record<string, unknown>>, io: Io): void {
  const addon = loadAddon()
  const machine = readMachine()
  const list = addon.devices()
  if (flags['json'] === true) {
    printLine(io.stdout, JSON.stringify({ devices: list, cpuFeatures: addon.cpuFeatures(), machine }, null, 2))
    return
  }
  printLine(io.stdout, table(['device', 'threads', 'memory', 'free', 'compute', 'driver', 'usable', 'description'], list.map(device => [
    device.name, device.threads === 0 ? '' : device.threads, device.memoryBytes === 0 ? '' : formatBytes(device.memoryBytes),
    device.freeBytes === undefined ? '' : formatBytes(device.freeBytes), device.computeCapability, device.driver,
    device.usable ? 'yes' : 'no', device.description
  ])))
  for (const { name, reason } of list.filter(({ usable }) => !usable)) printLine(io.stdout, `${name}: ${reason}.`)
  for (const { name, products } of list.filter(({ products }) => products !== '')) printLine(io.stdout, `${name}: products of many rows by ${products}.`)
  printLine(io.stdout)
  printLine(io.stdout, twoColumns([
    ['CPU', addon.cpuFeatures().join(', ') || 'no vector instructions that the kernels use'],
    ['threads', String(machine.threads)],
    ['memory', `${formatBytes(machine.availableBytes)} free of ${formatBytes(machine.limitBytes)} (${machine.limitedBy})`]
  ]))
}
