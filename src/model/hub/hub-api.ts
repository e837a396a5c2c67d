import { DownloadError, ModelFilesError, ModelNotFoundError, type UnsupportedModelError } from '../errors.js'
import type { HubEnvironment } from './environment.js'
import { isCommit, isSafePath } from './model-name.js'

/** One file of a repository, as the hub lists it. */
export interface HubFile {
  readonly path: string
  readonly bytes: number
  /** What the content must hash to, and the blob's name in the cache. */
  readonly digest: { readonly kind: 'sha256' | 'gitSha1', readonly hex: string }
}

export interface HubListing {
  readonly commit: string
  readonly files: readonly HubFile[]
}

/** How long the hub may take to begin an answer. */
const answerTimeoutMs = 30_000

/**
 * The commit that a revision means now, and its files.
 *
 * @throws ModelNotFoundError when the repository or revision is missing or closed to us
 * @throws DownloadError when the hub cannot be reached
 */
export async function listRepo (repo: string, revision: string, env: HubEnvironment): Promise<HubListing> {
  // 130 ms to import, and only those who download need it.
  const { modelInfo, listFiles } = await import('@huggingface/hub')
  const common = { hubUrl: env.endpoint, fetch: hubFetch(env) }
  try {
    const { sha: commit } = await modelInfo({ name: repo, revision, additionalFields: ['sha'], ...common })
    if (!isCommit(commit)) throw new DownloadError(`${env.endpoint} gave no commit for ${repo}@${revision}. Check HF_ENDPOINT.`)
    const files: HubFile[] = []
    for await (const entry of listFiles({ repo: { type: 'model', name: repo }, revision: commit, recursive: true, ...common })) {
      if (entry.type !== 'file' || !isSafePath(entry.path)) continue
      files.push({ path: entry.path, bytes: entry.lfs?.size ?? entry.size, digest: digestOf(entry, repo) })
    }
    return { commit, files }
  } catch (error) {
    throw explain(error, repo, revision, env)
  }
}

function digestOf (entry: { path: string, oid?: string, lfs?: { oid: string } }, repo: string): HubFile['digest'] {
  const hex = entry.lfs?.oid ?? entry.oid ?? ''
  const kind = entry.lfs === undefined ? 'gitSha1' : 'sha256'
  if (!/^[0-9a-f]+$/.test(hex) || hex.length !== (kind === 'sha256' ? 64 : 40)) {
    throw new ModelFilesError(`${repo}: the hub gave no usable checksum for ${entry.path}.`)
  }
  return { kind, hex }
}

/** `fetch` with our credentials; a redirect to another host drops them (Fetch standard, 4.4). */
export function hubFetch (env: HubEnvironment): typeof fetch {
  return async (input, init) => {
    const headers = new Headers(init?.headers)
    headers.set('user-agent', 'millrace')
    if (env.token !== undefined) headers.set('authorization', `Bearer ${env.token}`)
    return await fetch(input, { ...init, headers, signal: init?.signal ?? AbortSignal.timeout(answerTimeoutMs) })
  }
}

type ModelError = DownloadError | ModelNotFoundError | ModelFilesError | UnsupportedModelError

function explain (error: unknown, repo: string, revision: string, env: HubEnvironment): ModelError {
  if (error instanceof DownloadError || error instanceof ModelFilesError) return error
  const status = (error as { statusCode?: unknown } | null)?.statusCode
  if (typeof status === 'number') return statusError(status, repo, revision, env)
  return new DownloadError(`${env.endpoint} cannot be reached for ${repo} (${causeOf(error)}). ` +
    'Check the network and HF_ENDPOINT, or name a folder or GGUF file on this machine.')
}

/** The hub's answer in words, with what to do. */
export function statusError (status: number, repo: string, revision: string, env: HubEnvironment): ModelError {
  const where = `${repo}@${revision} at ${env.endpoint}`
  if (status === 401) {
    return new ModelNotFoundError(env.token === undefined
      ? `${where} does not exist or is private (401). Check the spelling; for a private model set HF_TOKEN.`
      : `${where} does not exist, or HF_TOKEN is not valid for it (401). Check both.`)
  }
  if (status === 403) {
    return new ModelNotFoundError(`${where} is gated (403). Accept its terms on its web page with the account of HF_TOKEN.`)
  }
  if (status === 404) {
    return new ModelNotFoundError(`${where} does not exist (404). Check the spelling of name, revision and file.`)
  }
  if (status === 429) return new DownloadError(`${env.endpoint} limits our rate (429). Wait a few minutes, or set HF_TOKEN.`)
  return new DownloadError(`${env.endpoint} answered ${status} for ${repo}@${revision}. Try again later.`)
}

/** `fetch failed` hides the reason in its cause. */
export function causeOf (error: unknown): string {
  const { message, cause } = error as { message?: string, cause?: { code?: string, message?: string } }
  return cause?.code ?? cause?.message ?? message ?? String(error)
}
