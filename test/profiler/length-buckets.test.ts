import t from 'tap'
import { bucketOf, expectedTokensOf, numBuckets, upperEdge } from '../../src/profiler/length-buckets.js'

t.test('lengths fall into the buckets that they should', async t => {
  const golden = [[0, 0, 8], [1, 0, 8], [7, 0, 8], [8, 1, 16], [15, 1, 16], [16, 2, 32], [31, 2, 32], [1023, 7, 1024],
    [1024, 8, 2048], [2047, 8, 2048], [2048, 8, 2048], [99999, 8, 2048]] as const
  for (const [tokens, bucket, edge] of golden) {
    t.equal(bucketOf(tokens), bucket, `${tokens} tokens`)
    t.equal(upperEdge(bucket), edge, `edge of ${tokens} tokens`)
  }
})

t.test('a length beyond 32 bits, or infinite, is in the last bucket', async t => {
  t.equal(bucketOf(2 ** 40), numBuckets - 1)
  t.equal(bucketOf(Infinity), numBuckets - 1)
})

t.test('what is no length is refused by name', async t => {
  t.throws(() => bucketOf(NaN), /tokens is NaN/)
  t.throws(() => bucketOf(-1), /tokens is -1/)
})

t.test('the length for estimates of time is in its bucket', async t => {
  for (let bucket = 0; bucket < numBuckets; bucket++) {
    t.equal(expectedTokensOf(bucket), 0.75 * upperEdge(bucket))
    t.equal(bucketOf(expectedTokensOf(bucket)), bucket)
  }
})
