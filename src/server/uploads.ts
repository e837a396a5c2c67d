import type { Readable } from 'node:stream'
import { UploadsFullError } from './errors.js'

/**
 * Bytes of bodies that have come and are not read yet. Until a request is in the queue nothing else bounds them: a
 * thousand clients that each send most of a large body would take the memory of all of it.
 */
export class Uploads {
  readonly #maxBytes: number
  #bytes = 0

  constructor (maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /**
   * Before anything of a body is read. Only what has come counts, so that nobody holds room by promising bytes.
   *
   * @throws UploadsFullError; never when nothing else is on its way, since it would be refused every time
   */
  checkRoom (bodyBytes: number): void {
    if (this.#bytes > 0 && this.#bytes + bodyBytes > this.#maxBytes) throw new UploadsFullError(this.#maxBytes)
  }

  /**
   * Counts a body while it comes. It fails with an UploadsFullError where there is no more room; the others go on.
   *
   * @returns gives the bytes back; idempotent
   */
  follow (body: Readable): () => void {
    let held = 0
    const finish = (): void => {
      body.off('data', onData)
      this.#bytes -= held
      held = 0
    }
    const onData = ({ length }: Buffer): void => {
      held += length
      this.#bytes += length
      if (this.#bytes <= this.#maxBytes || this.#bytes === held) return
      finish()
      // Told to whoever reads the body, who answers; the connection stays whole for that.
      body.emit('error', new UploadsFullError(this.#maxBytes))
    }
    // Listening would set it flowing, before its reader is there.
    body.on('data', onData).pause()
    return finish
  }
}
