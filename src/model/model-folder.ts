import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ModelFilesError, TokenizerError } from './errors.js'
import { ConfigReader } from './hf-config.js'
import type { SpecialTokenNames } from './chat/chat-template.js'
import { templateSources, type TemplateSources } from './chat/template-source.js'
import type { TokenizerSettings } from './tokenizer/hf-tokenizer.js'
import { parseTokenizerJson, type TokenizerJson } from './tokenizer/tokenizer-json.js'

/** The JSON files of a Hugging Face folder. */
export class ModelFolder {
  readonly #path: string

  constructor (path: string) {
    this.#path = path
  }

  /** @throws ModelFilesError when there is none, saying what is there */
  async config (): Promise<ConfigReader> {
    const config = await this.json('config.json')
    if (config !== undefined) return config
    const ggufs = (await readdir(this.#path)).filter(name => name.endsWith('.gguf'))
    throw new ModelFilesError(ggufs.length > 0
      ? `${this.#path} has no config.json, but GGUF files; name one of them: ${ggufs.map(name => join(this.#path, name)).join(', ')}.`
      : `${this.#path} has no config.json. A model's folder holds config.json, tokenizer.json and *.safetensors.`)
  }

  /** @throws ModelFilesError when it is there but not a JSON object */
  async json (name: string): Promise<ConfigReader | undefined> {
    const text = await this.#text(name)
    if (text === undefined) return undefined
    try {
      return new ConfigReader(JSON.parse(text), name)
    } catch (error) {
      if (error instanceof ModelFilesError) throw error
      throw new ModelFilesError(`${name} is not valid JSON (${(error as Error).message}). Fetch the file again.`)
    }
  }

  async tokenizerJson (): Promise<TokenizerJson> {
    const text = await this.#text('tokenizer.json')
    if (text !== undefined) return parseTokenizerJson(text, 'tokenizer.json')
    const hasSentencePiece = (await readdir(this.#path)).includes('tokenizer.model')
    throw new TokenizerError(`${this.#path} has no tokenizer.json. ` + (hasSentencePiece
      ? 'Its tokenizer.model can be converted: AutoTokenizer.from_pretrained(folder).save_pretrained(folder) in Python. A GGUF file needs nothing else.'
      : 'Fetch the file from the model\'s repository.'))
  }

  /** `chat_template.jinja` wins over tokenizer_config.json, as in `transformers`. */
  async templates (tokenizerConfig: ConfigReader | undefined): Promise<TemplateSources | undefined> {
    const file = await this.#text('chat_template.jinja')
    return file === undefined
      ? templateSources(tokenizerConfig?.raw('chat_template'), 'tokenizer_config.json')
      : { default: file }
  }

  async #text (name: string): Promise<string | undefined> {
    try {
      return await readFile(join(this.#path, name), 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw new ModelFilesError(`${join(this.#path, name)} cannot be read (${(error as Error).message}).`)
    }
  }
}

/** Special tokens by `transformers`' names, from the files that may hold them, best first. */
export function specialNames (...files: ReadonlyArray<ConfigReader | undefined>): SpecialTokenNames {
  const names: Record<string, string> = {}
  for (const field of ['bos_token', 'eos_token', 'unk_token', 'pad_token', 'sep_token', 'cls_token', 'mask_token']) {
    const token = files.map(file => tokenText(file?.raw(field))).find(text => text !== undefined)
    if (token !== undefined) names[field] = token
  }
  return names
}

/** A token is written as a string, or as an object with its content. */
function tokenText (value: unknown): string | undefined {
  if (typeof value === 'string') return value
  const content = (value as { content?: unknown } | undefined)?.content
  return typeof content === 'string' ? content : undefined
}

export function tokenizerSettings (names: SpecialTokenNames, tokenizerConfig: ConfigReader | undefined): TokenizerSettings {
  const flag = (field: string): boolean | undefined =>
    tokenizerConfig?.has(field) === true ? tokenizerConfig.flag(field) : undefined
  return {
    bosToken: names.bos_token, eosToken: names.eos_token, addBos: flag('add_bos_token'), addEos: flag('add_eos_token')
  }
}
