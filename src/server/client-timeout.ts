/** A limit beyond this is none: nobody waits for an answer that long. */
const longestSec = 24 * 3600

/**
 * After how long the client gives up, by its header `X-Stainless-Timeout`: seconds, which OpenAI's clients
 * round down. Undefined when it does not say, or says what cannot be meant.
 */
export function clientGivesUpMs (header: string | readonly string[] | undefined): number | undefined {
  if (typeof header !== 'string' || !/^\d{1,9}(\.\d{1,9})?$/.test(header)) return undefined
  const seconds = Number(header)
  return seconds > 0 && seconds <= longestSec ? (Math.floor(seconds) + 1) * 1000 : undefined
}
