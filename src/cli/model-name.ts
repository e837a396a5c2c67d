import { existsSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The model that ships with the package. */
export const embeddedModelPath = fileURLToPath(new URL('../../models/millrace-demo', import.meta.url))

/** What a model will be called in the API, before it is loaded. */
export function nameBeforeLoading (model: string): string {
  if (existsSync(model)) return basename(model, '.gguf')
  return model.replace(/[@:].*$/, '')
}
