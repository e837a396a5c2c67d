// Python's str.strip(chars) takes away those characters; the template engine ignores its argument and
// takes away all whitespace. Templates that cut "\n" off an answer would lose its leading spaces, so
// such calls become calls of functions of ours, in the parsed template.

const methods = ['strip', 'lstrip', 'rstrip'] as const

/** The functions to render with, under names that no template uses. */
export const stripFunctions: Readonly<Record<string, (text: unknown, chars: unknown) => string>> = {
  strip_characters: (text, chars) => stripped('strip', text, chars),
  lstrip_characters: (text, chars) => stripped('lstrip', text, chars),
  rstrip_characters: (text, chars) => stripped('rstrip', text, chars)
}

interface Node {
  type?: string
  [part: string]: unknown
}

/** Turns `a.strip(b)` into `strip_characters(a, b)` everywhere in a parsed template. */
export function replaceStripCalls (node: unknown): void {
  if (typeof node !== 'object' || node === null) return
  const parts: Iterable<unknown> = node instanceof Map ? [...node.keys(), ...node.values()] : Object.values(node)
  for (const part of parts) replaceStripCalls(part)
  const call = node as Node
  const callee = call.callee as Node | undefined
  if (call.type !== 'CallExpression' || callee?.type !== 'MemberExpression' || callee.computed === true) return
  const property = callee.property as Node
  const args = call.args as unknown[]
  if (args.length !== 1 || !(methods as readonly unknown[]).includes(property.value)) return
  property.value = `${String(property.value)}_characters`
  call.callee = property
  call.args = [callee.object, ...args]
}

function stripped (method: typeof methods[number], text: unknown, chars: unknown): string {
  if (typeof text !== 'string') throw new Error(`${method} needs a string`)
  if (typeof chars !== 'string') return method === 'strip' ? text.trim() : method === 'lstrip' ? text.trimStart() : text.trimEnd()
  const set = new Set(chars)
  const characters = Array.from(text)
  let start = 0
  let end = characters.length
  if (method !== 'rstrip') while (start < end && set.has(characters[start]!)) start++
  if (method !== 'lstrip') while (end > start && set.has(characters[end - 1]!)) end--
  return characters.slice(start, end).join('')
}
