import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { errorCodes } from '../../src/core/error-codes.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Node's own codes, which ours only read. */
const nodeCodes = new Set(['ERR_WORKER_OUT_OF_MEMORY', 'ERR_HTTP_REQUEST_TIMEOUT'])

/** All sources under `folder`, except the table itself. */
function sources (folder: string): Array<{ path: string, text: string }> {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter(path => /\.(ts|cpp|hpp|cu|cuh)$/.test(path) && !path.endsWith('error-codes.ts'))
    .map(path => ({ path: join(folder, path), text: readFileSync(join(root, folder, path), 'utf8') }))
}

const files = ['src', 'native'].flatMap(sources)

t.test('every code in the sources has its row, and every row is used', t => {
  const used = new Set<string>()
  for (const { text } of files) for (const [, code] of text.matchAll(/['"`](ERR_[A-Z0-9_]*[A-Z0-9])['"`]/g)) if (!nodeCodes.has(code!)) used.add(code!)
  const listed = errorCodes.map(({ code }) => code)
  t.ok(used.size > 30, `${used.size} codes found`)
  t.same(listed.filter(code => !used.has(code)), [], 'rows that nothing raises')
  t.same([...used].filter(code => !listed.includes(code)), [], 'codes without a row')
  t.equal(new Set(listed).size, listed.length, 'no code stands twice')
  t.end()
})

t.test('classes and table agree on the status', t => {
  let compared = 0
  for (const { path, text } of files) {
    for (const [, code, status] of text.matchAll(/super\('(ERR_[A-Z0-9_]+)', (\d{3}),/g)) {
      t.equal(errorCodes.find(row => row.code === code)?.status, Number(status), `${code} in ${path}`)
      compared++
    }
  }
  t.ok(compared > 20, `${compared} classes compared`)
  t.end()
})

t.test('every row says why, and what to do', t => {
  for (const { code, cause, remedy } of errorCodes) t.ok(/\.$/.test(cause) && /\.$/.test(remedy), code)
  t.end()
})
