/** Logits to probabilities, in place. */
export function softmax (logits: Float64Array): void {
  let largest = -Infinity
  for (let k = 0; k < logits.length; k++) largest = Math.max(largest, logits[k]!)
  let sum = 0
  for (let k = 0; k < logits.length; k++) sum += logits[k] = Math.exp(logits[k]! - largest)
  for (let k = 0; k < logits.length; k++) logits[k]! /= sum
}

/** -log P(bucket); of a censored answer -log P(bucket or above). */
export function lengthLoss (probabilities: ArrayLike<number>, bucket: number, isCensored: boolean): number {
  let mass = probabilities[bucket]!
  for (let k = bucket + 1; isCensored && k < probabilities.length; k++) mass += probabilities[k]!
  return -Math.log(mass)
}

/**
 * What should have been predicted: all on the bucket; of a censored answer, the prediction's own shares
 * from there on. The loss's gradient by the logits is the prediction less this.
 */
export function writeLengthTarget (probabilities: ArrayLike<number>, bucket: number, isCensored: boolean, target: Float64Array): void {
  target.fill(0)
  if (!isCensored) {
    target[bucket] = 1
    return
  }
  let mass = 0
  for (let k = bucket; k < target.length; k++) mass += probabilities[k]!
  for (let k = bucket; k < target.length; k++) target[k] = mass > 0 ? probabilities[k]! / mass : 1 / (target.length - bucket)
}
