import { Engine } from '../engine/engine.js'
import type { ListeningServer, ListenOptions } from './listen.js'

// The engine lies below the server, and must not know it: the method comes from above, where `millrace` puts the two together.
declare module '../engine/engine.js' {
  interface Engine {
    /**
     * Serves this engine over HTTP, as `listen` of `millrace/server` does. Closing the server leaves the engine open.
     *
     * @throws InvalidOptionError, ApiKeyRequiredError, PortInUseError, ListenError
     */
    listen (options?: ListenOptions): Promise<ListeningServer>
  }
}

Engine.prototype.listen = async function (options) {
  // Programs that only generate do not load a web server.
  const { listen } = await import('./listen.js')
  return await listen(this, options)
}
