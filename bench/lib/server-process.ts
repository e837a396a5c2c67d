import { spawn, type ChildProcess } from 'node:child_process'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { stop } from './child.js'
import { processMemory, type ProcessMemory } from './machine.js'

export interface ServerProcess {
  readonly port: number
  /** From its start until GET /health answered 200. */
  readonly readyMs: number
  memory (): ProcessMemory
  stop (): Promise<void>
}

/** Starts a server on a free port of loopback and waits until it is healthy. */
export async function startServer (commandFor: (port: number) => readonly string[]): Promise<ServerProcess> {
  const port = await freePort()
  const [command, ...args] = commandFor(port)
  const started = performance.now()
  const child = spawn(command!, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let log = ''
  child.stderr.on('data', (part: Buffer) => { log = (log + part.toString()).slice(-4000) })
  child.on('error', error => { log += error.message })
  try {
    await untilHealthy(child, port)
  } catch (error) {
    await stop(child)
    throw new Error(`${command} ${args.join(' ')}\n${String(error)}\n${log}`)
  }
  return {
    port,
    readyMs: performance.now() - started,
    memory: () => processMemory(child.pid!),
    stop: () => stop(child)
  }
}

async function untilHealthy (child: ChildProcess, port: number): Promise<void> {
  for (const deadline = performance.now() + 120_000; performance.now() < deadline;) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error('it ended before it was ready')
    const status = await fetch(`http://127.0.0.1:${port}/health`).then(response => response.status, () => 0)
    if (status === 200) return
    await sleep(20)
  }
  throw new Error('it was not ready within two minutes')
}

async function freePort (): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  const { port } = server.address() as { port: number }
  await new Promise(resolve => { server.close(resolve) })
  return port
}
