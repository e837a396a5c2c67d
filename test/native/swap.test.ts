import t from 'tap'
import { loadAddon } from '../../src/native/addon.js'
import type { NativeModel, Slot } from '../../src/native/binding.js'
import { fixture } from '../support/fixtures.js'
import { greedy, loadNative, runStep, slotParams } from '../support/native-model.js'
import { Random, testSeed } from '../support/random.js'

const none = new Int32Array(0)
const prompt = Array.from({ length: 20 }, (_, i) => (i * 7 + 3) % 300)

async function decode (model: NativeModel, slot: Slot, tokens: number[], count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const output = await runStep(model, [{ slot, tokens: [tokens.at(-1)!], position: tokens.length - 1 }])
    tokens.push(output.tokens[0]!)
  }
}

t.test('a sequence that was swapped out goes on as if it had stayed, on one device and on two', async t => {
  const maps = [
    [{ start: 0, end: 2, devices: ['cpu:0'] }],
    [{ start: 0, end: 1, devices: ['cpu:0'] }, { start: 1, end: 2, devices: ['cpu:1'] }]
  ]
  for (const deviceMap of maps) {
    const { model } = await loadNative(fixture('models/qwen3'), { deviceMap, kvBlocks: 8, kvHostBlocks: 6, kvDtype: 'bf16', kernels: 'auto' })
    t.equal(model.memory.kvHostBytes * 8, model.memory.kvBytes * 6)
    const expected = await greedy(model, prompt, 24)
    const slot = model.kv.open()
    model.openSlot(slot, slotParams(), none, none)
    model.kv.grow(slot, 64)
    const first = await runStep(model, [{ slot, tokens: prompt, position: 0 }])
    const tokens = [...prompt, first.tokens[0]!]
    await decode(model, slot, tokens, 8)
    t.ok(model.kv.swapOut(slot))
    t.ok(model.kv.isSwapped(slot))
    t.equal(model.kv.blocksOf(slot), 0)
    await greedy(model, prompt.map(id => id + 5), 100) // needs all blocks
    t.ok(model.kv.swapIn(slot))
    await decode(model, slot, tokens, 15)
    t.same(tokens.slice(prompt.length), expected)
    await model.dispose()
  }
})

t.test('a swapped-out slot takes part in nothing until it is back', async t => {
  const pool = loadAddon().createKvPool(4, 16, 2)
  const slot = pool.open()
  pool.grow(slot, 32)
  t.ok(pool.swapOut(slot))
  t.throws(() => pool.grow(slot, 40), { code: 'ERR_BAD_SLOT', message: 'slot: 0 is swapped out; swap it in first.' })
  t.throws(() => pool.fork(slot, 16), { code: 'ERR_BAD_SLOT' })
  t.throws(() => pool.swapOut(slot), { code: 'ERR_BAD_SLOT' })
  t.ok(pool.swapIn(slot))
  t.throws(() => pool.swapIn(slot), { code: 'ERR_BAD_SLOT', message: /not swapped out/ })
  t.throws(() => loadAddon().createKvPool(4, 16, -1), { code: 'ERR_INVALID_ARGUMENT', message: /hostBlocks/ })
})

t.test('whatever happens to slots, blocks add up in the pool and in the host tier', async t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  const pool = loadAddon().createKvPool(40, 16, 24)
  const slots: Slot[] = []
  let swaps = 0
  for (let i = 0; i < 3000; i++) {
    const slot = slots[random.integer(0, Math.max(0, slots.length - 1))]
    const action = random.integer(0, 9)
    if (slot === undefined || action === 0) {
      slots.push(pool.open())
    } else if (action === 1) {
      pool.close(slot)
      slots.splice(slots.indexOf(slot), 1)
    } else if (pool.isSwapped(slot)) {
      if (pool.swapIn(slot)) swaps++
    } else if (action < 5) {
      pool.swapOut(slot)
    } else if (action < 9) {
      pool.grow(slot, random.integer(1, 160))
    } else {
      pool.free(slot)
    }
    const { totalBlocks, freeBlocks, usedBlocks, cachedBlocks, hostBlocks, hostFreeBlocks } = pool.stats()
    const held = slots.reduce((sum, of) => sum + pool.blocksOf(of), 0)
    if (freeBlocks + usedBlocks + cachedBlocks !== totalBlocks || usedBlocks !== held) t.fail('blocks do not add up')
    if (slots.every(of => !pool.isSwapped(of)) && hostFreeBlocks !== hostBlocks) t.fail('host blocks leaked')
  }
  t.ok(swaps > 50, `${swaps} swaps`)
  for (const slot of slots) pool.close(slot)
  t.match(pool.stats(), { freeBlocks: 40, hostFreeBlocks: 24 })
})
