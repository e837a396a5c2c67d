import { readFileSync } from 'node:fs'
import t from 'tap'
import { gpuSpecs } from './specs.js'

t.test('the specs that programs without Node read are those that the configurations give', async t => {
  for (const [path, text] of Object.entries(gpuSpecs())) {
    t.equal(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8'), text,
      `${path}: when it is not, run node --import tsx scripts/write-gpu-specs.mts`)
  }
})
