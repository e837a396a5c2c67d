import { readFileSync } from 'node:fs'
import t from 'tap'
import { generatedDocs } from '../../scripts/generated-docs.mjs'

for (const [path, text] of Object.entries(generatedDocs())) {
  t.test(`${path} is what the tables in the source give (npm run docs)`, t => {
    t.equal(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8'), text)
    t.end()
  })
}
