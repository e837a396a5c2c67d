import { spawn, type ChildProcess } from 'node:child_process'

/** Longer than any measurement takes on a machine that is not disturbed. */
const timeoutMs = 20 * 60_000

/** Runs a program to its end and returns what it printed; its stderr is shown only when it fails. */
export async function runProgram (command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs, env: { ...process.env, ...env } })
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)]
  const code = await exitOf(child)
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}\nended with ${code}: ${stderr().slice(-2000)}${stdout().slice(-2000)}`)
  return stdout()
}

/** The exit code or the signal. */
export async function exitOf (child: ChildProcess): Promise<number | string> {
  return await new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => { resolve(code ?? signal ?? 'nothing') })
  })
}

/** Stops a program that runs until it is told to. */
export async function stop (child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = exitOf(child)
  child.kill('SIGTERM')
  const timer = setTimeout(() => { child.kill('SIGKILL') }, 10_000)
  await ended
  clearTimeout(timer)
}

function collect (stream: NodeJS.ReadableStream): () => string {
  const parts: Buffer[] = []
  stream.on('data', (part: Buffer) => { parts.push(part) })
  return () => Buffer.concat(parts).toString()
}
