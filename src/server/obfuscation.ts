const block = 32

/**
 * Padding that brings every event of a stream to a multiple of 32 bytes or so, for callers who ask
 * for `include_obfuscation`: event sizes then tell little about the tokens in them.
 */
export function obfuscationField (eventLength: number): string {
  return `,"obfuscation":"${'x'.repeat(block - 1 - (eventLength % block))}"`
}
