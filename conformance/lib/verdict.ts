/** The server does not do what the item asks. The message is a sentence that says how. */
export class Failure extends Error {}

/** The item cannot be judged for this server. The message says why. */
export class NotApplicable extends Error {}

export function fail (reason: string): never {
  throw new Failure(reason)
}

export function notApplicable (reason: string): never {
  throw new NotApplicable(reason)
}

export function expect (isTrue: unknown, reason: string): asserts isTrue {
  if (isTrue !== true) throw new Failure(reason)
}

/** A value for a sentence: short, on one line. */
export function show (value: unknown): string {
  const text = (typeof value === 'string' ? value : JSON.stringify(value) ?? 'nothing').replaceAll(/\s+/g, ' ')
  return text.length > 160 ? `${text.slice(0, 157)}...` : text
}
