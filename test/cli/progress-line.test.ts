import t from 'tap'
import { ProgressLine } from '../../src/cli/progress-line.js'
import { nameBeforeLoading } from '../../src/cli/model-name.js'
import { formatCount } from '../../src/cli/model-summary.js'
import { table } from '../../src/cli/table.js'
import { fixture } from '../support/fixtures.js'

function lineAt (isTTY: boolean): { show: (ms: number, text: string) => void, end: () => void, written: string[] } {
  const written: string[] = []
  let nowMs = 0
  const stream = { isTTY, write: (text: string) => { written.push(text) } } as unknown as ConstructorParameters<typeof ProgressLine>[0]
  const line = new ProgressLine(stream, () => nowMs)
  return { show (ms, text) { nowMs = ms; line.show(text) }, end: () => { line.end() }, written }
}

t.test('nothing is shown within the first second', t => {
  const { show, end, written } = lineAt(true)
  show(0, 'a')
  show(999, 'b')
  end()
  t.same(written, [])
  t.end()
})

t.test('a terminal gets one line that is rewritten and left empty', t => {
  const { show, end, written } = lineAt(true)
  show(1000, 'a')
  show(1050, 'too soon')
  show(1200, 'b')
  end()
  t.same(written, ['\r\x1b[Ka', '\r\x1b[Kb', '\r\x1b[K'])
  t.end()
})

t.test('a file gets a line every five seconds', t => {
  const { show, end, written } = lineAt(false)
  for (let ms = 0; ms <= 11_000; ms += 500) show(ms, String(ms))
  end()
  t.same(written, ['1000\n', '6000\n', '11000\n'])
  t.end()
})

t.test('a model\'s name is known before it is loaded', t => {
  t.equal(nameBeforeLoading(fixture('models/qwen3')), 'qwen3')
  t.equal(nameBeforeLoading(fixture('gguf/qwen3-q8_0.gguf')), 'qwen3-q8_0')
  t.equal(nameBeforeLoading('org/name'), 'org/name')
  t.equal(nameBeforeLoading('org/name@main:file.gguf'), 'org/name')
  t.end()
})

t.test('counts are short, and tables are aligned', t => {
  t.same([999, 107_000, 12_345_678, 1_240_000_000].map(formatCount), ['999', '107 k', '12.3 M', '1.24 B'])
  t.equal(table(['a', 'number'], [['long', 1], ['b', 22]]), 'a     number\nlong       1\nb         22')
  t.end()
})
