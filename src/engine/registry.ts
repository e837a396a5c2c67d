import { MillraceError } from '../core/errors.js'
import { didYouMean } from '../core/suggest.js'
import type { Engine } from './engine.js'

export class UnknownModelError extends MillraceError {
  constructor (name: string, known: readonly string[]) {
    super('ERR_MODEL_UNKNOWN', 404,
      `This server has no model ${JSON.stringify(name)}.${didYouMean(name, known)} It has: ${known.join(', ')}.`, 'model')
  }
}

/** Engines by the name of their model. */
export class EngineRegistry {
  readonly #engines = new Map<string, Engine>()

  /** @throws RangeError when another engine has its model's name */
  add (engine: Engine): void {
    if (this.#engines.has(engine.modelName)) throw new RangeError(`There is an engine for ${engine.modelName} already.`)
    this.#engines.set(engine.modelName, engine)
  }

  /** @throws UnknownModelError with the names that there are */
  get (name: string): Engine {
    const engine = this.#engines.get(name)
    if (engine === undefined) throw new UnknownModelError(name, this.names())
    return engine
  }

  names (): string[] {
    return [...this.#engines.keys()]
  }

  [Symbol.iterator] (): Iterator<Engine> {
    return this.#engines.values()
  }
}
