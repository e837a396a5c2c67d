/** Classes of output length: [0, 8), [8, 16), [16, 32), ..., [1024, 2048) with all beyond it. */
export const numBuckets = 9

/** That of an answer of `tokens`; below 8 tokens 0, from 1024 on 8. */
export function bucketOf (tokens: number): number {
  if (!(tokens >= 0)) throw new RangeError(`tokens is ${tokens}; a length is 0 or more`)
  return tokens < 8 ? 0 : tokens >= 1024 ? 8 : 29 - Math.clz32(tokens)
}

/** Where the bucket ends, and what is reserved for it; the last one is open, and reserves this too. */
export function upperEdge (bucket: number): number {
  return 8 << bucket
}

/** What an answer of this bucket is taken for in estimates of time: its middle, and below it in the first. */
export function expectedTokensOf (bucket: number): number {
  return 6 << bucket
}
