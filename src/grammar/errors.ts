/**
 * What is wrong with a grammar, for the one who wrote it. `path` leads to the place within it, such as
 * `properties.age`; empty for the whole.
 */
export class GrammarError extends Error {
  readonly path: string

  constructor (message: string, path = '') {
    super(message)
    this.name = new.target.name
    this.path = path
  }
}

/** An answer has met a place of its grammar where finding the tokens that may follow takes too much work. */
export class GrammarWorkError extends Error {
  constructor (message: string) {
    super(message)
    this.name = new.target.name
  }
}
