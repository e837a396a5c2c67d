import t from 'tap'
import type { Tokenizer } from 'tokenizers'
import { EncodeQueue } from '../../../src/model/tokenizer/encode-queue.js'

/** Encodes a text to its length when told to; counts what runs at once. */
function heldLibrary (): { library: Tokenizer, running: string[], finish: (text: string) => void, fail: (text: string) => void } {
  const running: string[] = []
  const settlers = new Map<string, { resolve: (encoding: unknown) => void, reject: (error: Error) => void }>()
  const take = (text: string): { resolve: (encoding: unknown) => void, reject: (error: Error) => void } => {
    running.splice(running.indexOf(text), 1)
    return settlers.get(text)!
  }
  const encode = async (text: string): Promise<unknown> => await new Promise((resolve, reject) => {
    running.push(text)
    settlers.set(text, { resolve, reject })
  })
  return {
    library: { encode } as unknown as Tokenizer,
    running,
    finish: text => { take(text).resolve({ getIds: () => [text.length] }) },
    fail: text => { take(text).reject(new Error('no')) }
  }
}

const long = (name: string): string => name.repeat(100_000)

t.test('long texts are encoded one after the other, and short ones do not wait for them', async t => {
  const { library, running, finish, fail } = heldLibrary()
  const queue = new EncodeQueue()
  const [first, second, third] = [long('a'), long('b'), long('c')]
  const results = [first, second, third].map(async text => await queue.encode(library, text))
  await new Promise(setImmediate)
  t.same(running, [first])
  const short = queue.encode(library, 'short')
  t.same(running, [first, 'short'], 'beside the long one')
  finish('short')
  t.same(await short, Int32Array.of(5))
  fail(first)
  await t.rejects(results[0]!, /no/)
  await new Promise(setImmediate)
  t.same(running, [second], 'a failure does not hold up the next')
  finish(second)
  t.same(await results[1], Int32Array.of(100_000))
  await new Promise(setImmediate)
  t.same(running, [third])
  finish(third)
  t.same(await results[2], Int32Array.of(100_000))
})
