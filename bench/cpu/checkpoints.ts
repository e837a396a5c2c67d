import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runProgram } from '../lib/child.js'

const script = fileURLToPath(new URL('../make-checkpoint.mjs', import.meta.url))
const folder = fileURLToPath(new URL('../checkpoints/', import.meta.url))

/** The checkpoint's path; made when it is missing. */
export async function checkpoint (model: string, { format, dtype }: { format: 'safetensors' | 'gguf', dtype: string }): Promise<string> {
  const name = `${model}-${dtype}`
  const isGguf = format === 'gguf'
  const path = join(folder, isGguf ? `${name}.gguf` : name)
  if (existsSync(isGguf ? path : join(path, 'tokenizer.json')) && (isGguf || existsSync(join(path, 'model.safetensors')))) return path
  console.error(`making ${path}`)
  await runProgram(process.execPath, [script, '--shape', model, '--format', format, '--dtype', dtype, '--out', isGguf ? folder : path])
  return path
}
