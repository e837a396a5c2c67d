import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const root = fileURLToPath(new URL('../..', import.meta.url))
const { files } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { files: string[] }
const packed = files.filter(file => file.startsWith('scripts/'))

for (const script of packed) {
  t.test(`${script} finds every script that it imports in the package`, t => {
    const imports = [...readFileSync(join(root, script), 'utf8').matchAll(/from '\.\/([^']+)'/g)].map(([, name]) => `scripts/${name!}`)
    t.same(imports.filter(name => !packed.includes(name)), [])
    t.end()
  })
}
