import { characters, either, optional, repeat, sequence, text, type Expression } from './expression.js'
import { fraction } from './json-rules.js'

const zero = 0x30
const nine = 0x39
const digits = (min: number, max: number): Expression => repeat(characters([zero, nine]), min, max)
/** Digits of fractions, and of whole numbers: what a double holds exactly. */
const maxDigits = 15
const largest = 10 ** maxDigits - 1

export interface Bounds {
  /** -Infinity and Infinity: none. */
  readonly low: number
  readonly high: number
  readonly isLowExcluded: boolean
  readonly isHighExcluded: boolean
}

/** Whole numbers within the bounds, of at most 15 digits. */
export function integersWithin ({ low, high, isLowExcluded, isHighExcluded }: Bounds): Expression {
  const least = Math.max(-largest, isLowExcluded && Number.isInteger(low) ? low + 1 : Math.ceil(low))
  const most = Math.min(largest, isHighExcluded && Number.isInteger(high) ? high - 1 : Math.floor(high))
  const parts: Expression[] = []
  if (most >= 0) parts.push(naturals(Math.max(0, least), most))
  if (least < 0) parts.push(sequence(text('-'), naturals(Math.max(1, -most), -least)))
  return either(...parts)
}

/** Numbers within [low, high], each 0 or more, without leading zeros. */
function naturals (low: number, high: number): Expression {
  const parts: Expression[] = []
  for (let length = 1, first = 0; first <= high; first = 10 ** length++) {
    const last = 10 ** length - 1
    if (low <= last) parts.push(sameLength(String(Math.max(low, first)), String(Math.min(high, last))))
  }
  return either(...parts)
}

/** Numbers between two of as many digits. */
function sameLength (low: string, high: string): Expression {
  if (low === high) return text(low)
  const rest = low.length - 1
  const [from, to] = [low.charCodeAt(0), high.charCodeAt(0)]
  if (from === to) return sequence(text(low[0]!), sameLength(low.slice(1), high.slice(1)))
  if (rest === 0) return characters([from, to])
  const isWholeLow = /^0*$/.test(low.slice(1))
  const isWholeHigh = /^9*$/.test(high.slice(1))
  const parts: Expression[] = []
  if (!isWholeLow) parts.push(sequence(text(low[0]!), sameLength(low.slice(1), '9'.repeat(rest))))
  const [first, last] = [isWholeLow ? from : from + 1, isWholeHigh ? to : to - 1]
  if (first <= last) parts.push(sequence(characters([first, last]), digits(rest, rest)))
  if (!isWholeHigh) parts.push(sequence(text(high[0]!), sameLength('0'.repeat(rest), high.slice(1))))
  return either(...parts)
}

/** A bound without its sign, as digits before and after the point. */
interface Decimal {
  readonly whole: number
  readonly fraction: string
  readonly isExcluded: boolean
}

/** Decimal numbers within the bounds, without exponents. Undefined for bounds that have too many digits for that. */
export function numbersWithin ({ low, high, isLowExcluded, isHighExcluded }: Bounds): Expression | undefined {
  const most = 10 ** maxDigits
  const negativeLow = decimal(Math.min(most, -Math.min(0, low)), isLowExcluded && low < 0)
  const negativeHigh = decimal(Math.max(0, -high), high < 0 ? isHighExcluded : true)
  const positiveLow = decimal(Math.max(0, low), low >= 0 && isLowExcluded)
  const positiveHigh = decimal(Math.min(most, Math.max(0, high)), high >= 0 && isHighExcluded)
  if (negativeLow === undefined || negativeHigh === undefined || positiveLow === undefined || positiveHigh === undefined) return undefined
  const parts: Expression[] = []
  if (high >= 0) parts.push(decimalsWithin(positiveLow, positiveHigh))
  if (low < 0) parts.push(sequence(text('-'), decimalsWithin(negativeHigh, negativeLow)))
  return either(...parts)
}

function decimal (value: number, isExcluded: boolean): Decimal | undefined {
  const match = /^(\d+)(?:\.(\d+))?$/.exec(String(value))
  if (match === null || (match[2]?.length ?? 0) > maxDigits) return undefined
  return { whole: Number(match[1]), fraction: match[2] ?? '', isExcluded }
}

function decimalsWithin (low: Decimal, high: Decimal): Expression {
  const parts: Expression[] = []
  if (low.whole > high.whole) return either()
  if (low.whole === high.whole) {
    return sequence(text(String(low.whole)), fractionsWithin(low.fraction, high.fraction, low.isExcluded, high.isExcluded))
  }
  parts.push(sequence(text(String(low.whole)), fractionsWithin(low.fraction, undefined, low.isExcluded, false)))
  if (low.whole + 1 < high.whole) parts.push(sequence(naturals(low.whole + 1, high.whole - 1), optional(fraction)))
  parts.push(sequence(text(String(high.whole)), fractionsWithin('', high.fraction, false, high.isExcluded)))
  return either(...parts)
}

/** A point and digits, or nothing where 0 is within the bounds. `high` undefined: below 1. */
function fractionsWithin (low: string, high: string | undefined, isLowExcluded: boolean, isHighExcluded: boolean): Expression {
  const zeroFits = low === '' && !isLowExcluded && !(high === '' && isHighExcluded)
  const parts: Expression[] = zeroFits ? [sequence()] : []
  parts.push(sequence(text('.'), fractionDigits(low, high, isLowExcluded, isHighExcluded, 0)))
  return either(...parts)
}

/**
 * Digits of a fraction from the one at `place` on, all before it being those of the bounds that still bind: undefined
 * bounds do not. At least one digit in all.
 */
function fractionDigits (low: string | undefined, high: string | undefined, isLowExcluded: boolean, isHighExcluded: boolean, place: number): Expression {
  if (low === undefined && high === undefined) return digits(place === 0 ? 1 : 0, maxDigits - place)
  const lowRest = low?.slice(place)
  const highRest = high?.slice(place)
  const parts: Expression[] = []
  const aboveLow = low === undefined || (lowRest === '' && !isLowExcluded)
  const belowHigh = high === undefined || highRest !== '' || !isHighExcluded
  if (place > 0 && aboveLow && belowHigh) parts.push(sequence())
  if (place < maxDigits) {
    const lowDigit = low === undefined ? 0 : Number(lowRest![0] ?? 0)
    const highDigit = high === undefined ? 9 : Number(highRest![0] ?? 0)
    for (let next = lowDigit; next <= highDigit; next++) {
      const stillLow = low !== undefined && next === lowDigit ? low : undefined
      const stillHigh = high !== undefined && next === highDigit ? high : undefined
      const isFree = stillLow === undefined && stillHigh === undefined
      const rest = isFree
        ? digits(0, maxDigits - place - 1)
        : fractionDigits(stillLow, stillHigh, isLowExcluded, isHighExcluded, place + 1)
      parts.push(sequence(text(String(next)), rest))
    }
  }
  return either(...parts)
}
