import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DownloadError } from '../errors.js'
import type { HubFile } from './hub-api.js'
import { causeOf } from './hub-api.js'

export interface Transfer {
  readonly url: string
  readonly file: HubFile
  /** Where the verified content goes; `<path>.incomplete` until then. */
  readonly path: string
  readonly fetch: typeof fetch
  /** Bytes of this file that lie on disk. */
  readonly onProgress: (bytes: number) => void
  readonly signal?: AbortSignal | undefined
  readonly limits?: TransferLimits
}

export interface TransferLimits {
  /** Tries in a row that bring no byte. */
  readonly maxTries: number
  /** Wait after the first failed try; doubles with each. */
  readonly firstWaitMs: number
  /** Silence after which a connection is given up. */
  readonly stallMs: number
}

const defaultLimits: TransferLimits = { maxTries: 5, firstWaitMs: 1000, stallMs: 30_000 }

/** Another try may help. */
class TransientError extends Error {}

/**
 * Fetches one file. What an earlier, interrupted run left is kept and continued; the whole content is
 * verified before the file gets its name, so a file of that name is always complete.
 *
 * @throws DownloadError after `maxTries` tries without progress, and for a wrong checksum
 */
export async function transferFile (transfer: Transfer): Promise<void> {
  const { file, path, limits = defaultLimits } = transfer
  const partial = `${path}.incomplete`
  await mkdir(dirname(path), { recursive: true })
  let failures = 0
  while (await sizeOf(partial) < file.bytes || !await exists(partial)) {
    const before = await sizeOf(partial)
    try {
      await fetchRest(transfer, partial, before, limits)
    } catch (error) {
      if (!(error instanceof TransientError)) throw error
      transfer.signal?.throwIfAborted()
      failures = await sizeOf(partial) > before ? 1 : failures + 1
      if (failures >= limits.maxTries) {
        throw new DownloadError(`${file.path} could not be fetched (${error.message}); ${await sizeOf(partial)} of ` +
          `${file.bytes} bytes are kept. Run the command again to go on from there.`)
      }
      await sleep(limits.firstWaitMs * 2 ** (failures - 1), undefined, { signal: transfer.signal })
    }
  }
  await verify(partial, file)
  await rename(partial, path)
}

/** One request for what is missing, appended to the partial file. */
async function fetchRest (transfer: Transfer, partial: string, from: number, limits: TransferLimits): Promise<void> {
  const stall = new AbortController()
  let timer = setTimeout(() => { stall.abort() }, limits.stallMs)
  const signals = [stall.signal, ...(transfer.signal === undefined ? [] : [transfer.signal])]
  try {
    const response = await transfer.fetch(transfer.url, {
      headers: { 'accept-encoding': 'identity', ...(from > 0 ? { range: `bytes=${from}-` } : {}) },
      signal: AbortSignal.any(signals)
    })
    const start = startOf(response, from, transfer.file)
    const output = await open(partial, start === 0 ? 'w' : 'a')
    try {
      let bytes = start
      for await (const chunk of response.body ?? []) {
        clearTimeout(timer)
        timer = setTimeout(() => { stall.abort() }, limits.stallMs)
        bytes += (chunk as Uint8Array).length
        if (bytes > transfer.file.bytes) throw new DownloadError(`${transfer.file.path}: the hub sent more than ${transfer.file.bytes} bytes.`)
        await output.write(chunk as Uint8Array)
        transfer.onProgress(bytes)
      }
      if (bytes < transfer.file.bytes) throw new TransientError('the connection ended early')
    } finally {
      await output.close()
    }
  } catch (error) {
    if (error instanceof DownloadError || error instanceof TransientError) throw error
    if (transfer.signal?.aborted === true || isDiskError(error)) throw error
    throw new TransientError(stall.signal.aborted ? `no data for ${limits.stallMs} ms` : causeOf(error))
  } finally {
    clearTimeout(timer)
  }
}

/** Where the answer's bytes belong: a server may ignore the range and send everything. */
function startOf (response: Response, from: number, file: HubFile): number {
  if (response.status === 200) return 0
  if (response.status === 206 && response.headers.get('content-range')?.startsWith(`bytes ${from}-`) === true) return from
  if (response.status >= 500 || response.status === 429) throw new TransientError(`the hub answered ${response.status}`)
  throw new DownloadError(`${file.path}: the hub answered ${response.status}. Check HF_TOKEN and that the file still exists.`)
}

/** @throws DownloadError when the content is not what the hub listed; the partial file is removed */
async function verify (partial: string, file: HubFile): Promise<void> {
  const bytes = await sizeOf(partial)
  const hash = hashFor(file)
  for await (const chunk of createReadStream(partial, { highWaterMark: 2 ** 20 })) hash.update(chunk as Uint8Array)
  const found = hash.digest('hex')
  if (bytes === file.bytes && found === file.digest.hex) return
  await rm(partial)
  throw new DownloadError(`${file.path} arrived damaged: ${bytes} bytes with checksum ${found}, expected ${file.bytes} with ` +
    `${file.digest.hex}. It was removed; run the command again.`)
}

/** Git hashes a header before the content; large files are listed with a plain SHA-256. */
function hashFor (file: HubFile): Hash {
  if (file.digest.kind === 'sha256') return createHash('sha256')
  return createHash('sha1').update(`blob ${file.bytes}\0`)
}

const isDiskError = (error: unknown): boolean =>
  ['ENOSPC', 'EACCES', 'EROFS', 'EIO', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '')

const sizeOf = async (path: string): Promise<number> => await stat(path).then(({ size }) => size, () => 0)
const exists = async (path: string): Promise<boolean> => await stat(path).then(() => true, () => false)
