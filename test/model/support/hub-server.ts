// A small Hugging Face hub on 127.0.0.1: the calls that downloads make, with faults on request.
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export const commit = 'c0ffee00'.repeat(5)

export interface RepoFile { content: Buffer, isLfs: boolean }

export interface HubServer {
  readonly endpoint: string
  /** Path and Range header of each request for a file. */
  readonly requests: Array<{ path: string, range: string | undefined, authorization: string | undefined }>
  /** Faults, taken one per file request: cut after so many bytes, or answer with a status. */
  readonly faults: Array<{ none: true } | { cutAfter: number } | { status: number } | { ignoreRange: true } | { corrupt: true } | { hang: true }>
  /** When set, every call needs this token. */
  token: string | undefined
  /** Answer to the listing when not 200. */
  listingStatus: number
  close (): Promise<void>
}

export async function startHub (repo: string, files: Record<string, RepoFile>): Promise<HubServer> {
  const server = createServer((request, response) => { answer(request, response) })
  const hub: HubServer & { endpoint: string } = {
    endpoint: '', requests: [], faults: [], token: undefined, listingStatus: 200,
    close: async () => {
      server.closeAllConnections()
      await new Promise<void>(resolve => { server.close(() => { resolve() }) })
    }
  }

  function answer (request: IncomingMessage, response: ServerResponse): void {
    const { pathname } = new URL(request.url!, 'http://hub')
    const { authorization } = request.headers
    if (hub.token !== undefined && authorization !== `Bearer ${hub.token}`) return json(response, { error: 'Invalid' }, 401)
    if (hub.listingStatus !== 200 && pathname.startsWith('/api/')) return json(response, { error: 'No' }, hub.listingStatus)
    if (pathname === `/api/models/${repo}/revision/main`) return json(response, { _id: '1', id: repo, sha: commit })
    if (pathname === `/api/models/${repo}/tree/${commit}`) return json(response, listing(files))
    const prefix = `/${repo}/resolve/${commit}/`
    const file = pathname.startsWith(prefix) ? files[decodeURIComponent(pathname.slice(prefix.length))] : undefined
    if (file === undefined) return json(response, { error: 'Not found' }, 404)
    hub.requests.push({ path: pathname.slice(prefix.length), range: request.headers.range, authorization })
    send(request, response, file.content)
  }

  function send (request: IncomingMessage, response: ServerResponse, content: Buffer): void {
    const fault = hub.faults.shift()
    if (fault !== undefined && 'status' in fault) return json(response, { error: 'Fault' }, fault.status)
    if (fault !== undefined && 'hang' in fault) return
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
    const isPart = start > 0 && !(fault !== undefined && 'ignoreRange' in fault)
    const body = Buffer.from(isPart ? content.subarray(start) : content)
    if (fault !== undefined && 'corrupt' in fault) body[0] = body[0]! ^ 1
    response.writeHead(isPart ? 206 : 200, {
      'content-length': body.length,
      ...(isPart ? { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` } : {})
    })
    if (fault === undefined || !('cutAfter' in fault)) return void response.end(body)
    response.write(body.subarray(0, fault.cutAfter), () => { setTimeout(() => { response.destroy() }, 200) })
  }

  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  hub.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return hub
}

export const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex')
export const gitSha1 = (content: Buffer): string =>
  createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex')

function listing (files: Record<string, RepoFile>): unknown {
  return Object.entries(files).map(([path, { content, isLfs }]) => ({
    type: 'file', path, size: content.length, oid: gitSha1(content),
    ...(isLfs ? { lfs: { oid: sha256(content), size: content.length, pointerSize: 130 } } : {})
  }))
}

function json (response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}
