// A vocabulary as the JSON text that it comes in: most of a tokenizer.json, and what only the library reads. Objects
// of it would take ten times the memory, and longer to make than the library's own.

/** `model.vocab` and `model.merges` of a tokenizer.json, as JSON; undefined where there is none. */
export interface VocabularyText {
  /** An object of pieces and their ids. */
  readonly vocab: string | undefined
  /** A list of pairs, or of "a b". */
  readonly merges: string | undefined
}

/**
 * Takes the vocabulary out of a tokenizer.json.
 *
 * @returns undefined for a text that is not written as everybody writes it; it may be JSON all the same
 */
export function cutVocabulary (text: string): { rest: string, vocabulary: VocabularyText } | undefined {
  const models = membersOf(text, skipSpace(text, 0))?.filter(({ key }) => key === 'model')
  if (models?.length !== 1) return undefined
  const members = membersOf(text, models[0]!.start)?.filter(({ key }) => key === 'vocab' || key === 'merges')
  if (members === undefined || new Set(members.map(({ key }) => key)).size < members.length) return undefined
  let rest = ''
  let end = 0
  for (const member of members) {
    rest += `${text.slice(end, member.start)}null`
    end = member.end
  }
  const part = (key: string): string | undefined => {
    const member = members.find(member => member.key === key)
    return member === undefined ? undefined : text.slice(member.start, member.end)
  }
  return { rest: rest + text.slice(end), vocabulary: { vocab: part('vocab'), merges: part('merges') } }
}

/** Calls `take` with the pieces and ids of a vocabulary that the library has accepted. */
export function forEachPiece (vocab: string, take: (piece: string, id: number) => void): void {
  for (let open = vocab.indexOf('"'); open >= 0;) {
    const end = endOfString(vocab, open)
    const piece = vocab.slice(open + 1, end - 1)
    open = vocab.indexOf('"', end)
    const id = vocab.slice(vocab.indexOf(':', end) + 1, open < 0 ? vocab.lastIndexOf('}') : vocab.lastIndexOf(',', open))
    take(piece.includes('\\') ? JSON.parse(`"${piece}"`) as string : piece, Number(id))
  }
}

interface Member {
  /** As it is written, without quotes. */
  readonly key: string
  /** Of the value: [start, end). */
  readonly start: number
  readonly end: number
}

const quote = 0x22
const comma = 0x2C
const colon = 0x3A
const openBracket = 0x5B
const backslash = 0x5C
const closeBracket = 0x5D
const openBrace = 0x7B
const closeBrace = 0x7D

/** Members of the object at `at`; undefined where there is none, or a key is escaped. */
function membersOf (text: string, at: number): Member[] | undefined {
  if (text.charCodeAt(at) !== openBrace) return undefined
  const members: Member[] = []
  do {
    const open = skipSpace(text, at + 1)
    if (text.charCodeAt(open) !== quote) break
    const close = endOfString(text, open)
    const between = skipSpace(text, close)
    const start = skipSpace(text, between + 1)
    const end = endOfValue(text, start)
    const key = text.slice(open + 1, close - 1)
    if (text.charCodeAt(between) !== colon || end <= start || key.includes('\\')) return undefined
    members.push({ key, start, end })
    at = skipSpace(text, end)
  } while (text.charCodeAt(at) === comma)
  return members
}

/** Past a value; of what is not JSON, somewhere. */
function endOfValue (text: string, start: number): number {
  let depth = 0
  for (let at = start; at < text.length;) {
    const code = text.charCodeAt(at)
    if (code === quote) {
      at = endOfString(text, at)
      if (depth === 0) return at
      continue
    }
    if (code === openBrace || code === openBracket) depth++
    else if (code === closeBrace || code === closeBracket) {
      if (depth === 0) return at
      if (--depth === 0) return at + 1
    } else if (depth === 0 && (code === comma || code <= 0x20)) return at
    at++
  }
  return text.length
}

/** Past the closing quote of the string whose opening one is at `open`. */
function endOfString (text: string, open: number): number {
  for (let at = text.indexOf('"', open + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let escapes = 0
    while (text.charCodeAt(at - 1 - escapes) === backslash) escapes++
    if (escapes % 2 === 0) return at + 1
  }
  return text.length
}

function skipSpace (text: string, at: number): number {
  while (at < text.length && text.charCodeAt(at) <= 0x20) at++
  return at
}
