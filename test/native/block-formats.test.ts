import t from 'tap'
import { loadAddon } from '../../src/native/addon.js'
import { fixture } from '../support/fixtures.js'

// The values are those of Python's gguf package (test/fixtures/generate/make_blocks.py).

const path = fixture('gguf/blocks.gguf')

for (const dtype of ['Q4_0', 'Q8_0', 'Q4_K', 'Q6_K']) {
  t.test(`blocks of ${dtype} are read as the gguf package reads them, bit for bit`, async t => {
    const addon = loadAddon()
    const { tensors } = await addon.readModelFiles(path)
    t.equal(tensors.find(({ name }) => name === dtype)?.dtype, dtype)
    const ours = await addon.readTensor(path, dtype)
    const expected = await addon.readTensor(path, `${dtype}.values`)
    t.equal(ours.length, 7 * 768)
    t.equal(ours.length, expected.length)
    t.equal(ours.findIndex((value, i) => !Object.is(value, expected[i])), -1)
  })
}
