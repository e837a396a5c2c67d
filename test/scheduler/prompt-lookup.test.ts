import t from 'tap'
import { PromptLookup } from '../../src/scheduler/prompt-lookup.js'
import { Random, testSeed } from '../support/random.js'

/** What is guessed after those tokens. */
const guess = (lookup: PromptLookup, tokens: readonly number[]): number[] =>
  [...lookup.draft.subarray(0, lookup.guess(Int32Array.from(tokens), tokens.length))]

t.test('what followed the last three tokens where they stood before is guessed', async t => {
  t.same(guess(new PromptLookup(4), [1, 2, 3, 4, 5, 6, 7, 9, 1, 2, 3]), [4, 5, 6, 7])
  t.same(guess(new PromptLookup(2), [1, 2, 3, 4, 5, 6, 7, 9, 1, 2, 3]), [4, 5])
})

t.test('nothing is guessed after tokens that have not stood together, nor after two', async t => {
  t.same(guess(new PromptLookup(4), [1, 2, 3, 4, 5, 6, 7]), [])
  t.same(guess(new PromptLookup(4), [1, 2, 9, 9, 1, 2]), [])
  t.same(guess(new PromptLookup(4), [1, 2]), [])
  t.same(guess(new PromptLookup(4), []), [])
})

t.test('of several places, the one with more in common before it counts; of equals the newest', async t => {
  t.same(guess(new PromptLookup(1), [7, 1, 2, 3, 40, 8, 1, 2, 3, 50, 7, 1, 2, 3]), [40])
  t.same(guess(new PromptLookup(1), [6, 1, 2, 3, 40, 8, 1, 2, 3, 50, 7, 1, 2, 3]), [50])
})

t.test('what repeats itself is guessed to go on', async t => {
  t.same(guess(new PromptLookup(7), [9, 1, 2, 1, 2, 1, 2]), [1, 2, 1, 2, 1, 2, 1])
  t.same(guess(new PromptLookup(5), [4, 4, 4, 4]), [4, 4, 4, 4, 4])
})

t.test('tokens that come one by one are learnt as those that come at once', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  let guessed = 0
  for (let i = 0; i < 50; i++) {
    const symbols = random.integer(2, 6)
    const tokens = Array.from({ length: random.integer(1, 600) }, () => random.integer(0, symbols))
    const growing = new PromptLookup(5)
    for (let end = 0; end < tokens.length; end += random.integer(1, 9)) {
      const found = guess(growing, tokens.slice(0, end))
      if (found.length > 0) guessed++
      const wanted = guess(new PromptLookup(5), tokens.slice(0, end))
      if (JSON.stringify(found) !== JSON.stringify(wanted)) t.same(found, wanted, `case ${i}, ${end} tokens`)
    }
  }
  t.ok(guessed > 1000, `${guessed} guesses were made`)
})

t.test('acceptance rises with what was right, falls with what was wrong, stays between 0 and 1, and is forgotten', async t => {
  const lookup = new PromptLookup(8)
  const first = lookup.acceptance
  for (let i = 0; i < 200; i++) lookup.verified(8, 8)
  const high = lookup.acceptance
  t.ok(high > 0.95 && high < 1, `${high} after full drafts`)
  for (let i = 0; i < 200; i++) lookup.verified(8, 0)
  const low = lookup.acceptance
  t.ok(low > 0 && low < 0.25, `${low} after useless ones`)
  const tokens = Int32Array.from({ length: 1000 }, (_, i) => i)
  for (let i = 0; i < 400; i++) lookup.guess(tokens, i)
  t.ok(Math.abs(lookup.acceptance - first) < 0.01, `${lookup.acceptance} after many tokens without a draft, ${first} at first`)
})
