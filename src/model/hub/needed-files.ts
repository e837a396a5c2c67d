import { ModelFilesError, UnsupportedModelError } from '../errors.js'
import { isSafePath } from './model-name.js'

/** Small files beside the weights; all that exist are fetched. */
export const sideFiles: readonly string[] = [
  'config.json', 'generation_config.json', 'tokenizer.json', 'tokenizer_config.json',
  'special_tokens_map.json', 'chat_template.jinja'
]

export const indexFile = 'model.safetensors.index.json'

/**
 * The weight files of a repository of safetensors, out of all its files.
 *
 * @param readIndex gives the text of `model.safetensors.index.json`
 * @throws UnsupportedModelError when it has no safetensors, saying what it has
 */
export async function weightFiles (
  repo: string, files: readonly string[], readIndex: () => Promise<string>
): Promise<readonly string[]> {
  if (files.includes(indexFile)) return shardsOf(await readIndex(), repo)
  if (files.includes('model.safetensors')) return ['model.safetensors']
  const others = files.filter(file => file.endsWith('.safetensors') && !file.includes('/'))
  if (others.length > 0) return others
  const ggufs = files.filter(file => file.endsWith('.gguf'))
  throw new UnsupportedModelError(ggufs.length > 0
    ? `${repo} has GGUF files only. Name one of them: ${ggufs.slice(0, 20).map(file => `${repo}:${file}`).join(', ')}.`
    : `${repo} has neither safetensors nor GGUF files. Use a repository that has.`)
}

/** File names in a safetensors index. */
export function shardsOf (text: string, source: string): readonly string[] {
  let map: unknown
  try {
    map = (JSON.parse(text) as { weight_map?: unknown } | null)?.weight_map
  } catch {
    map = undefined
  }
  const names = typeof map === 'object' && map !== null ? [...new Set(Object.values(map) as unknown[])] : []
  if (names.length === 0 || !names.every((name): name is string => typeof name === 'string' && isSafePath(name))) {
    throw new ModelFilesError(`${source}: ${indexFile} has no usable weight_map. Fetch it again.`)
  }
  return names
}

/** All parts of a split GGUF file (`name-00001-of-00003.gguf`); otherwise the file alone. */
export function ggufParts (file: string): readonly string[] {
  const match = /^(.*-)\d{5}(-of-(\d{5})\.gguf)$/.exec(file)
  if (match === null) return [file]
  return Array.from({ length: Number(match[3]) }, (_, i) => `${match[1]}${String(i + 1).padStart(5, '0')}${match[2]}`)
}
