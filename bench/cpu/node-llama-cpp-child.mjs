// Decodes with node-llama-cpp; prints one line of JSON. Run by node-llama-cpp.ts.

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const { folder, model: modelPath, vocabSize, batch, promptTokens, outputTokens, threads } = JSON.parse(process.argv[2])
const entry = join(folder, 'node_modules', 'node-llama-cpp', 'dist', 'index.js')
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(entry).href)

const llama = await getLlama({ gpu: false, build: 'never', maxThreads: threads, logLevel: LlamaLogLevel.error })
const model = await llama.loadModel({ modelPath })
const context = await model.createContext({
  sequences: batch, contextSize: promptTokens + outputTokens + 16, batchSize: 512, flashAttention: true, threads
})

let state = 1
const prompt = () => Array.from({ length: promptTokens }, () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return 300 + (state >>> 8) % (vocabSize - 700)
})

// Prompts first, all but their last token; then the clock, and every sequence at once.
const sequences = Array.from({ length: batch }, () => ({ sequence: context.getSequence(), tokens: prompt() }))
await Promise.all(sequences.map(({ sequence, tokens }) => sequence.evaluateWithoutGeneratingNewTokens(tokens.slice(0, -1))))
const startMs = performance.now()
await Promise.all(sequences.map(async ({ sequence, tokens }) => {
  let count = 0
  for await (const _ of sequence.evaluate(tokens.slice(-1), { temperature: 0, yieldEogToken: true })) if (++count === outputTokens) break
}))
console.log(JSON.stringify({ tokensPerSec: batch * outputTokens / (performance.now() - startMs) * 1000 }))
process.exit(0)
