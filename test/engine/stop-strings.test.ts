import t from 'tap'
import { ChoiceOutput } from '../../src/engine/choice-output.js'
import { scanStops } from '../../src/engine/stop-strings.js'
import { Random, testSeed } from '../support/random.js'

t.test('the longest end that could become a stop string is kept back', async t => {
  t.same(scanStops('abcab', ['abd']), { safe: 3, matched: false })
  t.same(scanStops('aaa', ['aab']), { safe: 1, matched: false })
  t.same(scanStops('xyz', ['abc']), { safe: 3, matched: false })
  t.same(scanStops('ab', ['bc', 'abx']), { safe: 0, matched: false })
})

t.test('the first of several matches wins', async t => {
  t.same(scanStops('one two three', ['three', 'two']), { safe: 4, matched: true })
  t.same(scanStops('abc', ['bc', 'abc']), { safe: 0, matched: true })
})

t.test('whatever the tokens, the text is that before the first stop string, and no part of one was sent', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  const word = (most: number): string => Array.from({ length: random.integer(1, most) }, () => random.pick(['a', 'b', 'c'])).join('')
  let stopped = 0
  for (let i = 0; i < 3000; i++) {
    const tokens = Array.from({ length: random.integer(1, 12) }, () => random.chance(0.1) ? '' : word(4))
    const stops = Array.from({ length: random.integer(1, 3) }, () => word(5))
    const output = new ChoiceOutput(0, { push: id => tokens[id]!, end: () => '' }, stops, false)
    let sent = ''
    let matched = false
    const wanted = reference(tokens, stops)
    for (let id = 0; id < tokens.length && !matched; id++) {
      matched = output.push(id)
      sent += output.take()?.text ?? ''
      if (!wanted.startsWith(sent)) t.fail(`${JSON.stringify({ tokens, stops })}: sent ${sent}`)
    }
    if (!matched) output.end()
    sent += output.take('stop')!.text
    if (matched) stopped++
    if (sent !== wanted) t.fail(`${JSON.stringify({ tokens, stops })}: ${sent}, not ${wanted}`)
  }
  t.ok(stopped > 500, `${stopped} of 3000 were stopped`)
})

/** The text before the stop string that begins first, of those that are whole after the fewest tokens. */
function reference (tokens: readonly string[], stops: readonly string[]): string {
  let text = ''
  for (const token of tokens) {
    text += token
    const found = stops.map(stop => text.indexOf(stop)).filter(at => at >= 0)
    if (found.length > 0) return text.slice(0, Math.min(...found))
  }
  return text
}
