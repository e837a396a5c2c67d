import { MethodNotAllowedError, RouteNotFoundError, type MillraceError } from './errors.js'
import type { DescribedRoute } from './openapi.js'

export interface TableRoute {
  readonly method: string
  /** As registered; `*` at the end stands for any rest, `:name` for anything between slashes. */
  readonly url: string
}

/** All routes of a server, to describe them and to tell a wrong method from an unknown path. */
export class RouteTable {
  readonly #routes: TableRoute[] = []
  readonly #described: DescribedRoute[] = []

  get all (): readonly DescribedRoute[] {
    return this.#described
  }

  add (route: DescribedRoute): void {
    this.#described.push(route)
    for (const method of [route.method].flat()) this.#routes.push({ method, url: route.url })
  }

  methodsOf (path: string): string[] {
    return [...new Set(this.#routes.filter(({ url }) => matches(url, path)).map(({ method }) => method))]
  }

  errorFor (method: string, path: string): MillraceError {
    const allowed = this.methodsOf(path)
    return allowed.length > 0 ? new MethodNotAllowedError(method, path, allowed) : new RouteNotFoundError(method, path)
  }
}

function matches (url: string, path: string): boolean {
  if (url.endsWith('*')) return path.startsWith(url.slice(0, -1))
  if (!url.includes(':')) return url === path
  const parts = path.split('/')
  const pattern = url.split('/')
  return parts.length === pattern.length && pattern.every((part, i) => part.startsWith(':') ? parts[i] !== '' : part === parts[i])
}
