// Writes the pages that are made from tables in the source: docs/options.md and docs/errors.md.
//   npm run docs            writes them
//   npm run docs -- --check fails when they are not up to date
import { readFileSync, writeFileSync } from 'node:fs'
import { generatedDocs } from './generated-docs.mjs'

const isCheck = process.argv.includes('--check')
let stale = 0
for (const [path, text] of Object.entries(generatedDocs())) {
  const url = new URL(`../${path}`, import.meta.url)
  if (isCheck) {
    if (readFileSync(url, 'utf8') === text) continue
    stale++
    console.error(`${path} is not up to date: run npm run docs`)
  } else {
    writeFileSync(url, text)
    console.log(`wrote ${path}`)
  }
}
process.exitCode = stale === 0 ? 0 : 1
