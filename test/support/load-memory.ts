// Loads the model that its argument names, and prints the memory that this took: run by load-memory.test.ts.
import { readFileSync } from 'node:fs'
import { Engine } from '../../src/engine/engine.js'

function kib (name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))![1])
}

const privateBefore = kib('RssAnon')
const engine = await Engine.load(process.argv[2]!, { maxModelLen: 1024, kvCacheMemory: 256 * 2 ** 20, quantize: process.argv[3] as 'int4' })
console.log(JSON.stringify({
  privateBytes: (kib('RssAnon') - privateBefore) * 1024,
  weightsBytes: engine.info.memory.weightsBytes
}))
await engine.close()
