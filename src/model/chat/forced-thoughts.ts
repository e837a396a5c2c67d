import type { Constraint } from '../../grammar/constraint.js'
import { reasoningMarkup } from './reasoning.js'

const [opening, closing] = reasoningMarkup
const anyText: Constraint = { type: 'regex', pattern: '[^]*' }
const blanks: Constraint = { type: 'regex', pattern: '\\n{0,2}' }

/**
 * An answer that is held to a form, after thoughts that are free.
 *
 * @param isOpen the prompt ends among thoughts; else the model may begin them
 * @param specials what of the markup are special tokens of the model
 */
export function afterThoughts (answer: Constraint, isOpen: boolean, specials: readonly string[]): Constraint {
  const mark = (text: string): Constraint => ({ type: 'text', text, special: specials.includes(text) })
  const thoughts: Constraint[] = specials.includes(closing) ? [anyText, mark(closing)] : [{ type: 'regex', pattern: throughText(closing) }]
  const thought: Constraint = { type: 'sequence', parts: [...thoughts, blanks, answer] }
  if (isOpen) return thought
  return { type: 'anyOf', parts: [answer, { type: 'sequence', parts: [mark(opening), thought] }] }
}

/** Any text up to the first `word`, and that. Its first character occurs in it once, and none means anything in a regex. */
function throughText (word: string): string {
  const beginnings = Array.from({ length: word.length - 1 }, (_, i) => word.slice(0, i + 1))
  // Those that the word's first character ends, to begin anew.
  const broken = `(?:${beginnings.join('|')})*`
  const mismatched = beginnings.map((beginning, i) => `${beginning}[^${word[0]}${word[i + 1]}]`).join('|')
  return `(?:[^${word[0]}]|${broken}(?:${mismatched}))*${broken}${word}`
}
