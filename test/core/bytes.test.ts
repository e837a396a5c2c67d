import t from 'tap'
import { formatBytes, tryParseBytes } from '../../src/core/bytes.js'

t.test('sizes are read with decimal and binary units', async t => {
  const cases: Array<[string, number | undefined]> = [
    ['2GiB', 2 * 2 ** 30], ['512 MiB', 512 * 2 ** 20], ['1.5g', 1.5 * 2 ** 30], ['1GB', 1e9], ['1000000', 1e6], ['0', 0],
    ['', undefined], ['GiB', undefined], ['-1', undefined], ['1e9', undefined], ['2 GiBs', undefined], ['99999999999999TiB', undefined]
  ]
  for (const [text, bytes] of cases) t.equal(tryParseBytes(text), bytes, text)
})

t.test('sizes counted in 1024s print as such', async t => {
  t.same([640, 2048, 12 * 2 ** 20, 1.5 * 2 ** 30].map(formatBytes), ['640 B', '2.0 KiB', '12.0 MiB', '1.50 GiB'])
})
