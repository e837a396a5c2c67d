import t from 'tap'
import { compileConstraint } from '../../src/grammar/compile.js'
import { fits } from './support.js'

const grammar = (ebnf: string) => ({ type: 'grammar' as const, ebnf })

t.test('texts fit the rule root', async t => {
  const arithmetic = `
    # sums of products
    root ::= sum
    sum  ::= product ("+" product)*   # no left recursion
    product ::= factor
      | factor "*" product
    factor ::= [0-9]+ | "(" sum ")"`
  for (const [text, isRight] of [['1', true], ['1+2*3', true], ['(1+(2))*3', true], ['1+', false], ['(1', false], ['', false], [')', false]] as const) {
    t.equal(fits(grammar(arithmetic), text), isRight, text)
  }
  t.ok(fits(grammar('root ::= "\\"\\n\\u00e9\\x41" . [^\\n]{2}'), '"\néA?xy'))
  t.ok(fits(grammar('root ::= a-b{2}\na-b ::= ("x" | )'), 'x'))
  t.notOk(fits(grammar('root ::= a-b{2}\na-b ::= ("x" | )'), 'xxx'))
})

t.test('nested rules keep count of what they opened', async t => {
  const palindromes = grammar('root ::= "a" root "a" | "b" root "b" | "c"')
  for (const [text, isRight] of [['c', true], ['abcba', true], ['aabbcbbaa', true], ['abcab', false], ['aca', true], ['acb', false]] as const) t.equal(fits(palindromes, text), isRight, text)
  t.ok(fits(grammar('root ::= "(" root ")" root | ""'), '(()())'.repeat(20)))
})

t.test('an ambiguous grammar costs what its automaton has states, not what the text has parses', async t => {
  const started = performance.now()
  t.ok(fits(grammar('root ::= "a" root | "a" root "b" | "a" "a" root | ""'), 'a'.repeat(60)))
  t.ok(fits(grammar('root ::= (("a"?)* ("a" | "aa")*)* "b"'), `${'a'.repeat(60)}b`))
  t.ok(performance.now() - started < 20_000)
})

t.test('mistakes are told with their line', async t => {
  const compile = (ebnf: string) => compileConstraint(grammar(ebnf), {}, 8)
  for (const [ebnf, message] of [
    ['root ::= a', /no rule a\b/], ['a ::= "x"', /no rule root/], ['root ::= "x"\nroot ::= "y"', /two rules root/], ['root ::= "x', /a quote is expected/],
    ['root ::= (', /"\)" is expected/], ['root ::= "a" )', /"\)"/], ['root "a"', /"::=" is expected/], ['root ::= root "a" | "b"', /left recursion/],
    ['root ::= a "x"\na ::= b? c\nb ::= "y"\nc ::= root', /left recursion/], ['root ::= "a" root', /No text can fit/], ['root ::= "a"\n\n$', /line 3/], ['', /no rule root/]
  ] as const) {
    t.throws(() => compile(ebnf), message, ebnf)
  }
})
