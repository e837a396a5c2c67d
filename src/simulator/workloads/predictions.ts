import { bucketOf, expectedTokensOf, numBuckets, upperEdge } from '../../profiler/length-buckets.js'
import type { SeededRandom } from '../random.js'
import type { TraceRequest } from '../trace-request.js'

/** A profiler that knows. */
export function withExactLengths (trace: readonly TraceRequest[]): TraceRequest[] {
  return trace.map(request => ({ ...request, predictedTokens: request.outputTokens, reservedTokens: request.outputTokens }))
}

/** A profiler that names the right bucket with this probability, else the one beside it. */
export function withBuckets (trace: readonly TraceRequest[], accuracy: number, random: SeededRandom): TraceRequest[] {
  return trace.map(request => {
    const truth = bucketOf(request.outputTokens)
    const isRight = random.next() < accuracy
    const side = random.next() < 0.5 ? -1 : 1
    const beside = truth + side < 0 || truth + side >= numBuckets ? truth - side : truth + side
    const bucket = isRight ? truth : beside
    return { ...request, predictedTokens: expectedTokensOf(bucket), reservedTokens: upperEdge(bucket) }
  })
}
