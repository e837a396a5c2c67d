/**
 * The merges of a SentencePiece BPE vocabulary, which stores pieces with scores instead: every way
 * to make a piece of two others, best score first. SentencePiece joins the neighbours whose joint
 * piece scores highest, so the order of pieces is the order of merges (Kudo & Richardson 2018,
 * arXiv:1808.06226). Among the ways to one piece, lower ids go first, as in Hugging Face's converter.
 *
 * @param isMergeable whether a token takes part: not control, byte, or user-defined ones
 */
export function sentencePieceMerges (
  tokens: readonly string[], scores: ArrayLike<number>, isMergeable: (id: number) => boolean
): ReadonlyArray<readonly [string, string]> {
  const ids = new Map<string, number>()
  tokens.forEach((token, id) => { if (isMergeable(id)) ids.set(token, id) })
  const merges: Array<{ left: number, right: number, id: number }> = []
  for (const [token, id] of ids) {
    for (const [leftPiece, rightPiece] of splits(token)) {
      const left = ids.get(leftPiece)
      const right = ids.get(rightPiece)
      if (left !== undefined && right !== undefined) merges.push({ left, right, id })
    }
  }
  merges.sort((a, b) => scores[b.id]! - scores[a.id]! || a.id - b.id || a.left - b.left || a.right - b.right)
  return merges.map(({ left, right }) => [tokens[left]!, tokens[right]!])
}

/** Both halves at every border between characters. */
function* splits (token: string): Generator<[string, string]> {
  const characters = Array.from(token)
  for (let i = 1, at = characters[0]?.length ?? 0; i < characters.length; at += characters[i++]!.length) {
    yield [token.slice(0, at), token.slice(at)]
  }
}
