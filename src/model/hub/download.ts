import { mkdir, readFile, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { DownloadError, ModelNotFoundError } from '../errors.js'
import { exists, RepoCache } from './cache.js'
import type { HubEnvironment } from './environment.js'
import { hubFetch, listRepo, type HubFile } from './hub-api.js'
import type { HubName } from './model-name.js'
import { ggufParts, indexFile, sideFiles, weightFiles } from './needed-files.js'
import { transferFile, type TransferLimits } from './transfer.js'

export interface DownloadProgress {
  readonly file: string
  /** Of all files that this model needs. */
  readonly doneBytes: number
  readonly totalBytes: number
}

export interface DownloadOptions {
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined
  readonly signal?: AbortSignal | undefined
  readonly limits?: TransferLimits
}

/**
 * Fetches the files that a model needs, and no others, into the Hugging Face cache.
 *
 * @returns the snapshot's folder
 * @throws ModelNotFoundError, DownloadError
 */
export async function downloadModel (name: HubName, env: HubEnvironment, options: DownloadOptions = {}): Promise<string> {
  const cache = new RepoCache(env.cacheDir, name.repo)
  const { commit, files } = await listRepo(name.repo, name.revision, env)
  const run = new DownloadRun(name, commit, cache, env, options)
  const small = files.filter(file => name.file === undefined && [...sideFiles, indexFile].includes(file.path))
  const readIndex = async (): Promise<string> => {
    await run.fetchAll(small)
    return await readFile(join(cache.snapshot(commit), indexFile), 'utf8')
  }
  const weights = name.file === undefined
    ? await weightFiles(name.repo, files.map(file => file.path), readIndex)
    : ggufParts(name.file)
  await run.fetchAll([...small, ...weights.map(path => listed(path, files, name))])
  await cache.setCommit(name.revision, commit)
  return cache.snapshot(commit)
}

function listed (path: string, files: readonly HubFile[], name: HubName): HubFile {
  const file = files.find(candidate => candidate.path === path)
  if (file !== undefined) return file
  const ggufs = files.filter(candidate => candidate.path.endsWith('.gguf')).map(candidate => candidate.path)
  throw new ModelNotFoundError(`${name.repo}@${name.revision} has no file ${path}. ` +
    (ggufs.length > 0 ? `Its GGUF files: ${ggufs.slice(0, 20).join(', ')}.` : 'It has no GGUF files.'))
}

class DownloadRun {
  readonly #name: HubName
  readonly #commit: string
  readonly #cache: RepoCache
  readonly #env: HubEnvironment
  readonly #options: DownloadOptions

  constructor (name: HubName, commit: string, cache: RepoCache, env: HubEnvironment, options: DownloadOptions) {
    this.#name = name
    this.#commit = commit
    this.#cache = cache
    this.#env = env
    this.#options = options
  }

  /** One after another: a single stream fills most links, and an interruption leaves one partial file. */
  async fetchAll (files: readonly HubFile[]): Promise<void> {
    const totalBytes = files.reduce((sum, file) => sum + file.bytes, 0)
    await this.#checkSpace(files)
    let finishedBytes = 0
    for (const file of files) {
      const report = (bytes: number): void => {
        this.#options.onProgress?.({ file: file.path, doneBytes: finishedBytes + bytes, totalBytes })
      }
      await this.#fetch(file, report)
      finishedBytes += file.bytes
      report(0)
    }
  }

  async #fetch (file: HubFile, onProgress: (bytes: number) => void): Promise<void> {
    const blob = this.#cache.blob(file.digest.hex)
    if (!await exists(blob)) {
      const path = file.path.split('/').map(encodeURIComponent).join('/')
      await transferFile({
        url: `${this.#env.endpoint}/${this.#name.repo}/resolve/${this.#commit}/${path}`,
        file,
        path: blob,
        fetch: hubFetch(this.#env),
        onProgress,
        signal: this.#options.signal,
        ...(this.#options.limits === undefined ? {} : { limits: this.#options.limits })
      })
    }
    await this.#cache.linkFile(this.#commit, file.path, file.digest.hex)
  }

  /** @throws DownloadError when the disk cannot hold what is missing */
  async #checkSpace (files: readonly HubFile[]): Promise<void> {
    let needed = 0
    for (const file of files) {
      if (!await exists(this.#cache.blob(file.digest.hex))) needed += file.bytes
    }
    await mkdir(this.#cache.folder, { recursive: true })
    const { bavail, bsize } = await statfs(this.#cache.folder)
    const free = bavail * bsize
    if (needed > free) {
      throw new DownloadError(`${this.#name.repo} needs ${gib(needed)} GiB more in ${this.#env.cacheDir}, where ${gib(free)} GiB are free. ` +
        'Make room, or set HF_HUB_CACHE to another disk.')
    }
  }
}

const gib = (bytes: number): string => (bytes / 2 ** 30).toFixed(2)
