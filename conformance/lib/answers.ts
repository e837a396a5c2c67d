import type { Answer } from './http.js'
import { expect, fail, show } from './verdict.js'

/** The body of an answer that must be a success. */
export function okBody (answer: Answer, what: string): any {
  if (answer.status !== 200) fail(`${what} got ${answer.status}: ${messageOf(answer)}`)
  if (answer.json === undefined) fail(`${what} got a body that is no JSON: ${show(answer.text)}`)
  return answer.json
}

/** Fails unless the request was refused with one of the statuses, and (if given) with a `param` that fits. */
export function expectRefusal (answer: Answer, what: string, { statuses = [400], param }: { statuses?: readonly number[], param?: RegExp } = {}): void {
  if (!statuses.includes(answer.status)) fail(`${what} got ${answer.status}, not ${statuses.join(' or ')}${answer.status === 200 ? '' : `: ${messageOf(answer)}`}`)
  const given: unknown = answer.json?.error?.param
  if (param !== undefined) expect(typeof given === 'string' && param.test(given), `${what} got the param ${show(given)}, not its place`)
}

export function messageOf (answer: Answer): string {
  return show(answer.json?.error?.message ?? answer.json?.error ?? answer.text)
}

/** A path of JSON, in brackets or with dots. */
export function place (...path: ReadonlyArray<string | number>): RegExp {
  return new RegExp(`^${path.map((part, i) => typeof part === 'number' ? `(?:\\[${part}\\]|\\.${part})` : `${i === 0 ? '' : '\\.'}${part}`).join('')}$`)
}
