/** Longer ones are no slips, and comparing them takes time: a request may bring names of millions of characters. */
const longestSlip = 100

/**
 * The name of `names` that a person most likely meant by `wrong`, or undefined when none is near:
 * within a third of its letters, or two.
 */
export function suggest (wrong: string, names: readonly string[]): string | undefined {
  if (wrong.length > longestSlip) return undefined
  let best: string | undefined
  let bestDistance = Math.max(2, Math.floor(wrong.length / 3)) + 1
  for (const name of names) {
    const distance = editDistance(wrong.toLowerCase(), name.toLowerCase())
    if (distance < bestDistance) {
      best = name
      bestDistance = distance
    }
  }
  return best
}

/** " Did you mean X?" for the end of a message, or nothing. */
export function didYouMean (wrong: string, names: readonly string[]): string {
  const name = suggest(wrong, names)
  return name === undefined ? '' : ` Did you mean ${name}?`
}

/** Insertions, deletions and replacements from a to b: Levenshtein 1966, by rows. */
function editDistance (a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}
