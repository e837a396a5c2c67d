/**
 * Items that Millrace fails today, and what is missing for them. The list may only become shorter: an item that
 * passes is taken off, and one that is not on it must pass.
 */
export const knownFailing: Readonly<Record<number, string>> = {}

/** Items that cannot be judged with the demo model and the default options, and why. */
export const notJudged: Readonly<Record<number, string>> = {
  16: 'CORS is off',
  64: 'the model does not reason',
  86: 'the model does not reason',
  106: 'the chat model gives embeddings too',
  112: 'the model does not reason'
}
