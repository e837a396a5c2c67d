import { readFileSync } from 'node:fs'
import { items, type Item } from '../conformance/items.js'
import type { ResultFile } from '../conformance/lib/report.js'
import { table } from './markdown-table.mjs'

const words = { passed: 'passed', failed: '**failed**', notApplicable: 'n/a' }

/** docs/conformance.md: what the items are, and what servers made of them. */
export function conformancePage (): string {
  const servers = ['millrace', 'llama.cpp'].map(readResults)
  const outcomeOf = (server: ResultFile, { number }: Item): string => words[server.results.find(result => result.number === number)!.outcome]
  const sections = [...new Set(items.map(({ section }) => section))]
  const scores = servers.map(({ name, date, score: { passed, failed, notApplicable } }) => [name!, date, String(passed), String(failed), String(notApplicable)])
  return `<!-- Made by scripts/generate-docs.mts from conformance/items.ts and conformance/results/. -->
# Conformance

What programs written for OpenAI's API depend on, as 120 items with a test each. The suite runs against any server:

\`\`\`sh
npm run conformance -- --base-url http://127.0.0.1:8000 --api-key secret \\
  --start 'node dist/cli/main.js serve --api-key secret --drain-timeout-ms 500 --port {port}'
\`\`\`

| flag | what |
| --- | --- |
| \`--base-url\` | where the server is, with or without \`/v1\` |
| \`--api-key\` | a key that it takes; without one, items 1 and 3 are not applicable |
| \`--model\`, \`--embedding-model\` | names; the first model that is listed, and none |
| \`--context-tokens\` | the context, for a server whose \`/v1/models\` does not tell it |
| \`--start\` | a command that starts one more instance at \`{port}\` of 127.0.0.1, which the suite ends with SIGTERM; without one, items 81, 119 and 120 are not applicable |
| \`--only 69-93,101\` | some items |
| \`--json file\`, \`--name text\` | writes the results, under a name |
| \`--full\` | items 11 and 115 to 118 in full size: 10,000 aborts, 512 slow readers |

Each item passes, fails with a sentence that says how, or is not applicable, with the reason. The exit code is 1 when one failed. An item is a
whole: it fails when any part of it does, so that a failure says little about the other parts. Items are judged apart as far as that can be: what one
leaves behind is waited for before the next, and a broken connection that was idle is no failure but in item 18.
The model need not be able: items 44, 49 and others hold a server to what it promises, which is that constrained output fits, whatever the weights.

Parts that no test from outside can see are left out: pings during a long prefill (77), errors in the middle of a healthy answer (81 ends an instance
to see one), and a request that moves between instances (120 compares two answers).

## Scores

${table(['server', 'date', 'passed', 'failed', 'not applicable'], scores)}
Both served \`millrace-demo\` with \`--start\`, on two cores. Millrace was run in full size (\`--full\`, 70 seconds; the server with \`--preallocate-kv\`, since item 117 would count the first
touch of the KV cache), llama.cpp with the small sizes, in F32 and on a busy machine: items with clocks were given the benefit of the doubt.
llama.cpp had the model's first version as an F32 GGUF file of its own converter, and \`llama-server --metrics --jinja -c 16384 -np 8\`. The chat template of that version knows no
tools, and llama.cpp then ignores \`tools\` and \`tool_choice\`; with a template that knows them, 47 to 61 and 83 to 85 may come out otherwise (not tried).
Items whose parts depend on chance or time (70: whether a second passes within a stream) may change from run to run by one or two.

${sections.map(section => sectionText(section)).join('\n')}
## Why items fail

${servers.map(failures).join('\n')}`

  function sectionText (section: string): string {
    const rows = items.filter(item => item.section === section).map(item => [String(item.number), item.title, ...servers.map(server => outcomeOf(server, item))])
    return `### ${section}\n\n${table(['item', 'what it asks', ...servers.map(({ name }) => name!)], rows)}`
  }
}

function failures ({ name, results }: ResultFile): string {
  const rows = results.filter(({ outcome }) => outcome !== 'passed').map(({ number, outcome, reason }) => [String(number), words[outcome], plainText(reason!)])
  return `### ${name}\n\n${table(['item', '', 'reason'], rows)}`
}

/** No character of a server's message is markup here. */
function plainText (reason: string): string {
  return reason.replaceAll(/[\\`*_<>[\]]/g, '\\$&')
}

function readResults (name: string): ResultFile {
  return JSON.parse(readFileSync(new URL(`../conformance/results/${name}.json`, import.meta.url), 'utf8')) as ResultFile
}
