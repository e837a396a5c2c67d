// Writes what test/gpu and bench/gpu need of models whose configuration they cannot read: test/gpu/specs/ and
// bench/gpu/shapes/.
//   node --import tsx scripts/write-gpu-specs.mts
import { mkdirSync, writeFileSync } from 'node:fs'
import { gpuSpecs } from '../test/gpu/specs.js'

for (const [path, text] of Object.entries(gpuSpecs())) {
  const url = new URL(`../${path}`, import.meta.url)
  mkdirSync(new URL('.', url), { recursive: true })
  writeFileSync(url, text)
  console.log(`wrote ${path}`)
}
