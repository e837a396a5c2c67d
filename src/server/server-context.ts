import type { ActiveRequests } from './active-requests.js'
import type { EngineHost } from './engine-host.js'
import type { ServerOptions } from './options.js'

/** What routes share. */
export interface ServerContext {
  readonly host: EngineHost
  readonly requests: ActiveRequests
  readonly options: ServerOptions
  /** @throws InvalidOptionError, and the keys stay as they were */
  readonly reloadKeys: () => void
}
