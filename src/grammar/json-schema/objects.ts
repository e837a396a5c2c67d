import { call, either, invertRanges, lastCodePoint, openRule, optional, repeat, sequence, text, type Expression, type Rule } from '../expression.js'
import { GrammarError } from '../errors.js'
import { blank, colon, comma, quotedCharacters, quote } from '../json-rules.js'

export interface Property {
  readonly name: string
  readonly value: Expression
  readonly isRequired: boolean
}

/**
 * An object with its properties in their order. `rest`: what other properties may hold, after those; undefined: there
 * are none.
 */
export function objectOf (properties: readonly Property[], rest: Expression | undefined): Expression {
  const end = rest === undefined ? [] : [otherMembers(properties.map(({ name }) => name), rest)]
  return sequence(text('{'), call(blank), members(properties, end), text('}'))
}

/**
 * Two chains of rules, each with a link for each property: with members before it, which need a comma, and without.
 * So the size is that of the properties, however many are optional.
 */
function members (properties: readonly Property[], end: readonly Expression[]): Expression {
  const others = end.map(member => repeat(sequence(comma(), member), 0, Infinity))
  let afterMembers: Rule = { name: 'further members', body: sequence(...others, call(blank)) }
  let atStart: Rule = { name: 'members', body: end.length === 0 ? sequence() : optional(sequence(...end, ...others, call(blank))) }
  for (const property of [...properties].reverse()) {
    const member: Rule = { name: property.name, body: sequence(quote, text(JSON.stringify(property.name).slice(1)), colon(), property.value) }
    const [following, first] = [afterMembers, atStart]
    const further = sequence(comma(), call(member), call(following))
    const opening = sequence(call(member), call(following))
    afterMembers = { name: 'further members', body: property.isRequired ? further : either(further, call(following)) }
    atStart = { name: 'members', body: property.isRequired ? opening : either(opening, call(first)) }
  }
  return call(atStart)
}

/** Beside others, whose names must differ from it: each character is a rule. */
const maxNameLength = 500

/** A member of another name than those. Each name has one spelling, so that no escape hides one of them. */
function otherMembers (names: readonly string[], value: Expression): Expression {
  const long = names.find(name => name.length > maxNameLength)
  if (long !== undefined) throw new GrammarError(`Beside additionalProperties, the names of properties can have ${maxNameLength} characters; ${long.slice(0, 80)}... has more.`)
  return sequence(quote, call(otherName(names.map(name => [...name].map(character => character.codePointAt(0)!)), 0)), quote, colon(), value)
}

/** Text that is none of the names, all of which have the same beginning up to `place`. */
function otherName (names: ReadonlyArray<readonly number[]>, place: number): Rule {
  const rule = openRule('another name')
  const byCharacter = new Map<number, Array<readonly number[]>>()
  for (const name of names) {
    if (place === name.length) continue
    const same = byCharacter.get(name[place]!)
    if (same === undefined) byCharacter.set(name[place]!, [name])
    else same.push(name)
  }
  const different = invertRanges([...byCharacter.keys()].flatMap(code => [code, code]))
  const anything = repeat(quotedCharacters([0, lastCodePoint]), 0, Infinity)
  const parts: Expression[] = [sequence(quotedCharacters(different), anything)]
  if (!names.some(name => name.length === place)) parts.push(sequence())
  for (const [code, same] of byCharacter) parts.push(sequence(quotedCharacters([code, code]), call(otherName(same, place + 1))))
  rule.body = either(...parts)
  return rule
}
