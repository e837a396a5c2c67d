import t from 'tap'
import { StateReader, StateWriter } from '../../src/profiler/state-bytes.js'

const layout = 'things 1'

/** Larger than the writer's first buffer, at every offset of it. */
function written (padding: number): Uint8Array {
  const writer = new StateWriter()
  writer.bytes(new Uint8Array(padding).fill(7))
  writer.uint32(0xffffffff)
  writer.float64(-1.5e-300)
  writer.text('a😀\ud800')
  writer.float32s(Float32Array.of(0.5, -2))
  writer.float64s(Float64Array.of(Math.PI))
  return writer.finish(layout)
}

t.test('what was written is read, wherever the buffer had to grow', async t => {
  for (let padding = 180; padding < 260; padding++) {
    const reader = new StateReader('things', layout, written(padding))
    const floats = new Float32Array(2)
    const doubles = new Float64Array(1)
    const padded = reader.bytes()
    const values = [reader.uint32(), reader.float64(), reader.text()]
    reader.float32s(floats)
    reader.float64s(doubles)
    reader.end()
    if (padded.length !== padding || padded.some(byte => byte !== 7)) t.fail(`padding of ${padding}`)
    t.same([...values, ...floats, ...doubles], [0xffffffff, -1.5e-300, 'a😀\ufffd', 0.5, -2, Math.PI])
  }
})

t.test('it may stand at any offset of a larger buffer', async t => {
  const state = written(3)
  const shifted = new Uint8Array(state.length + 5)
  shifted.set(state, 5)
  t.equal(new StateReader('things', layout, shifted.subarray(5)).bytes().length, 3)
})

t.test('each way of being unusable is told apart', async t => {
  const state = written(3)
  t.throws(() => new StateReader('things', layout, new Uint8Array(40)), /saved state of the things is not usable: it does not begin/)
  t.throws(() => new StateReader('things', 'things 2', state), /another version/)
  t.throws(() => new StateReader('things', layout, state.subarray(1)), /does not begin/)
  t.throws(() => new StateReader('things', layout, state.subarray(0, -1)), /says that it has/)
  t.throws(() => new StateReader('things', layout, state.with(30, 99)), /checksum/)
})

t.test('sound bytes that hold less, more or no numbers are refused', async t => {
  const writer = new StateWriter()
  writer.float64(NaN)
  writer.uint32(1000)
  const state = writer.finish(layout)
  t.throws(() => new StateReader('things', layout, state).float64(), /it holds NaN/)
  const reader = new StateReader('things', layout, state)
  t.throws(() => { reader.end() }, /12 bytes are left over/)
  reader.uint32()
  reader.uint32()
  t.throws(() => reader.text(), /ends too early/)
})
