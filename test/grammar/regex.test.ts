import t from 'tap'
import { GrammarError } from '../../src/grammar/errors.js'
import { readRegex } from '../../src/grammar/regex.js'
import { Random, testSeed } from '../support/random.js'
import { babble, fits } from './support.js'

const regex = (pattern: string) => ({ type: 'regex' as const, pattern })

t.test('texts fit exactly when ECMAScript\'s own engine says so', async t => {
  const cases: ReadonlyArray<readonly [string, readonly string[]]> = [
    ['a*b', ['b', 'aab', 'a', 'ba', '']],
    ['(ab|c)+?d{2,3}', ['abdd', 'cabcddd', 'dd', 'abd', 'abdddd']],
    ['[^a-c]{2}', ['xy', 'xa', 'é日', 'x', '\n\n']],
    ['a.b', ['aéb', 'a\nb', 'a😀b', 'ab']],
    ['\\d{3}-\\D', ['123-x', '123-4', '12-x']],
    ['\\w+\\s\\S', ['ab_9 x', 'ab x y', 'ab  ']],
    ['(?:a|)(?<name>b|c)?', ['', 'a', 'ab', 'c', 'bc']],
    ['[\\]\\-\\\\x-]+', [']-\\x', 'a', '-']],
    ['\\u00e9\\x41\\u{1F600}', ['éA😀', 'éA']],
    ['^(a|b)$|^c$', ['a', 'b', 'c', 'ac', '']],
    ['(a+)+b', ['aaaaab', 'b', 'aaaa']],
    ['x{0}y{,2}', ['', 'y', 'yy', 'yyy', 'xy']],
    ['a{2,}', ['a', 'aa', 'aaaaa']],
    ['[]|z', ['z', '']],
    ['é?[à-ü]', ['é', 'éà', 'à', 'éz']]
  ]
  for (const [pattern, texts] of cases) {
    const expected = new RegExp(`^(?:${pattern.replace('{,2}', '{0,2}')})$`, 'u')
    for (const text of texts) t.equal(fits(regex(pattern), text), expected.test(text), `${pattern} and ${JSON.stringify(text)}`)
  }
})

t.test('any tokens that may follow lead to a text that fits', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  for (const pattern of ['(ab|a|b)*c[0-9]{1,3}', '([^"\\\\]|\\\\.){3,6}', '(true|false|null)( the)?', '[日本é]{2,5}x?', '(a|ab|abc){2,4}z', '\\s{0,3}[a-z]{130,140}']) {
    for (let i = 0; i < 5; i++) {
      const text = babble(regex(pattern), random)
      t.match(text, new RegExp(`^(?:${pattern})$`, 'u'), pattern)
    }
  }
})

t.test('what no automaton can do is refused, and named', async t => {
  for (const [pattern, message] of [
    ['(a)\\1', /references to groups/], ['(?=a)b', /looking ahead/], ['(?<!a)b', /behind/], ['\\bword', /word boundaries/],
    ['\\p{L}', /\\p is not supported/], ['a^b', /\^ is supported only/], ['(a', /"\)" is expected/], ['a)', /no "\("/], ['*a', /nothing to repeat/], ['a**', /nothing to repeat/],
    ['[a', /"\]"/], ['[z-a]', /out of order/], ['a{3,2}', /out of order/], ['\\', /an escape/], ['(?i)a', /kind of group/], ['(^a)', /\^ is supported only/]
  ] as const) {
    t.throws(() => readRegex(pattern), message, pattern)
  }
  t.throws(() => readRegex('('.repeat(5000)), GrammarError)
})
