import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import type { Instance } from './target.js'

/** Starts instances by a shell command that has {port} where the port belongs. */
export function startCommand (command: string): () => Promise<Instance> {
  return async () => {
    const port = await freePort()
    // exec: the signal is for the server and not for a shell around it.
    const child = spawn('sh', ['-c', `exec ${command.replaceAll('{port}', String(port))}`], { stdio: 'ignore' })
    const exited = new Promise<number | string>(resolve => {
      child.on('error', error => { resolve(error.message) })
      child.on('exit', (code, signal) => { resolve(code ?? signal!) })
    })
    process.once('exit', () => { child.kill('SIGKILL') })
    return { url: `http://127.0.0.1:${port}`, terminate: () => { child.kill('SIGTERM') }, exited }
  }
}

async function freePort (): Promise<number> {
  return await new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => { resolve(port) })
    })
  })
}
