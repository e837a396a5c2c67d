import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Profiling } from './profiling.js'
import type { ResolvedOptions } from './resolved-options.js'

/** Learning of so long may be lost when the process dies. */
const saveIntervalMs = 300_000

/**
 * The file that one model's profiler is kept in. Of the same model in another form or on other threads it is
 * another file: steps cost something else there.
 */
export function profilerPath (folder: string, fingerprint: string, options: ResolvedOptions): string {
  const { quantize, quantizeGroup, activationDtype, kvDtype, deviceMap, threads, kernels, servedModelName } = options
  const key = JSON.stringify([fingerprint, quantize, quantizeGroup, ...activationDtype === 'f32' ? [] : [activationDtype], kvDtype, deviceMap, threads, kernels])
  const name = servedModelName.replace(/[^\w.-]+/g, '_').slice(-80)
  return join(folder, `${name}-${createHash('sha256').update(key).digest('hex').slice(0, 16)}.profile`)
}

/** Keeps a profiler in a file. That it cannot be read or written is told, and stops nothing. */
export class ProfilerFile {
  readonly #path: string
  readonly #onTrouble: (message: string) => void
  #savedMs: number
  #saving: Promise<void> = Promise.resolve()

  constructor (path: string, nowMs: number, onTrouble: (message: string) => void) {
    this.#path = path
    this.#savedMs = nowMs
    this.#onTrouble = onTrouble
  }

  /** What was saved, or a new one where there is nothing, or nothing that can be used. */
  async read (): Promise<Profiling> {
    try {
      return Profiling.fromState(await readFile(this.#path))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.#onTrouble(`${this.#path}: ${messageOf(error)} The profiler begins anew.`)
      return new Profiling()
    }
  }

  /** Saves when the last time is long ago and something was learnt since. */
  saveSometimes (profiling: Profiling, nowMs: number): void {
    if (nowMs - this.#savedMs < saveIntervalMs) return
    this.#savedMs = nowMs
    void this.save(profiling)
  }

  /** Never half: the file is replaced once the new one is whole. */
  async save (profiling: Profiling): Promise<void> {
    if (profiling.hasNews) {
      const bytes = profiling.toState()
      this.#saving = this.#saving.then(async () => { await this.#replace(bytes) })
    }
    await this.#saving
  }

  async #replace (bytes: Uint8Array): Promise<void> {
    const temporary = `${this.#path}.${randomUUID()}`
    try {
      await mkdir(dirname(this.#path), { recursive: true })
      await writeFile(temporary, bytes, { flush: true })
      await rename(temporary, this.#path)
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => {})
      this.#onTrouble(`${this.#path}: what the profiler learnt could not be saved. ${messageOf(error)}`)
    }
  }
}

function messageOf (error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
