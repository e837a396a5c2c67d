// Millrace as a program under test: its engine in a process of its own, and its server.
import { fileURLToPath } from 'node:url'
import { runProgram } from '../lib/child.js'
import type { EngineReport, EngineTask } from './engine-jobs.js'

const child = fileURLToPath(new URL('engine-child.ts', import.meta.url))
const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

export async function runEngine (task: EngineTask): Promise<EngineReport> {
  const printed = await runProgram(process.execPath, ['--import', 'tsx', child, JSON.stringify(task)])
  return JSON.parse(printed.trim().split('\n').at(-1)!) as EngineReport
}

export function serveCommand (model: string, port: number, flags: readonly string[]): readonly string[] {
  return [process.execPath, cli, 'serve', model, '--port', String(port), '--served-model-name', 'bench', '--profiler-state', 'none', ...flags]
}
