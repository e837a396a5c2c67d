import { stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { ModelNotFoundError } from './errors.js'
import { RepoCache } from './hub/cache.js'
import { downloadModel, type DownloadOptions } from './hub/download.js'
import { hubEnvironment, type HubEnvironment } from './hub/environment.js'
import { parseHubName } from './hub/model-name.js'

/** Where a model's files are on this machine. */
export interface ModelLocation {
  readonly kind: 'folder' | 'gguf'
  /** Of the folder or the file; absolute. */
  readonly path: string
  /** What to call the model: the repository's name, else the folder's or file's. */
  readonly name: string
}

export interface LocateOptions extends DownloadOptions {
  /** Default: from the environment's variables. */
  readonly hub?: HubEnvironment
}

/**
 * Finds a model by folder, by GGUF file, or as `org/name[@revision][:file.gguf]`: in the Hugging Face
 * cache when it is complete there, else by download.
 *
 * @throws ModelNotFoundError, DownloadError
 */
export async function locateModel (model: string, options: LocateOptions = {}): Promise<ModelLocation> {
  const local = await locateLocal(model)
  if (local !== undefined) return local
  if (/^([./~\\]|[A-Za-z]:)/.test(model)) throw new ModelNotFoundError(`There is no file or folder ${resolve(model)}.`)
  const name = parseHubName(model)
  const env = options.hub ?? await hubEnvironment()
  const cache = new RepoCache(env.cacheDir, name.repo)
  const commit = await cache.commitOf(name.revision)
  const missing = commit === undefined ? undefined : await cache.missingFiles(commit, name)
  const at = (snapshot: string): ModelLocation => name.file === undefined
    ? { kind: 'folder', path: snapshot, name: name.repo }
    : { kind: 'gguf', path: join(snapshot, name.file), name: name.repo }
  if (commit !== undefined && missing?.length === 0) return at(cache.snapshot(commit))
  if (env.isOffline) {
    throw new ModelNotFoundError(`${model} is not in ${env.cacheDir}` +
      (missing === undefined ? '' : ` (missing: ${missing.join(', ')})`) +
      ', and HF_HUB_OFFLINE forbids to fetch it. Unset HF_HUB_OFFLINE, or name a folder or GGUF file.')
  }
  return at(await downloadModel(name, env, options))
}

async function locateLocal (model: string): Promise<ModelLocation | undefined> {
  const info = await stat(model).catch(() => undefined)
  if (info === undefined) return undefined
  const path = resolve(model)
  if (info.isDirectory()) return { kind: 'folder', path, name: basename(path) }
  if (path.endsWith('.gguf')) return { kind: 'gguf', path, name: basename(path, '.gguf') }
  throw new ModelNotFoundError(`${path} is neither a folder nor a .gguf file. For safetensors, name the folder they are in.`)
}
