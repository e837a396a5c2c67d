import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runProgram } from '../lib/child.js'
import type { Ceilings } from './limits.js'

const source = fileURLToPath(new URL('ceilings.cpp', import.meta.url))
/** Ignored by git, and left alone by the builds of the addon. */
export const buildFolder = fileURLToPath(new URL('../../build-bench/', import.meta.url))

/** Measures the machine; undefined where the program cannot be built, which is on other CPUs than x86. */
export async function measureCeilings (options: { quick: boolean, threads?: number }): Promise<Ceilings | undefined> {
  if (process.arch !== 'x64') return undefined
  const binary = join(buildFolder, 'ceilings')
  const flags = [...options.quick ? ['--quick'] : [], ...options.threads === undefined ? [] : ['--threads', String(options.threads)]]
  if (!isNewer(binary, source)) {
    mkdirSync(buildFolder, { recursive: true })
    await runProgram(process.env['CXX'] ?? 'c++', ['-O2', '-std=c++20', '-pthread', source, '-o', binary])
  }
  return JSON.parse(await runProgram(binary, flags)) as Ceilings
}

function isNewer (file: string, than: string): boolean {
  const modifiedMs = (path: string) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
  return modifiedMs(file) > modifiedMs(than)
}
