// What native code needs to run the models of the card's programs, as files: a machine with a card may have no
// Node to read a config.json with.
import { readFileSync, readdirSync } from 'node:fs'
import { configOf, shapes, type Shape } from '../../bench/checkpoint/shapes.mjs'
import { vocabularyOf } from '../../bench/checkpoint/tokenizer.mjs'
import { architectures } from '../../src/model/architectures/index.js'
import { ConfigReader } from '../../src/model/hf-config.js'
import { fixture } from '../support/fixtures.js'

/** Shapes of bench/checkpoint that the card's benchmark and its comparison with transformers use. */
const shapeNames = ['qwen3-4b', 'llama-8b', 'tiny', 'tiny-llama']

/** Texts of the files by path. */
export function gpuSpecs (): Record<string, string> {
  const files: Record<string, string> = {}
  for (const name of readdirSync(fixture('models'))) {
    const config = JSON.parse(readFileSync(fixture(`models/${name}/config.json`), 'utf8')) as unknown
    files[`test/gpu/specs/${name}.json`] = specText(config)
  }
  for (const name of shapeNames) {
    const shape: Shape = shapes[name]!
    const config = configOf(shape, 'bfloat16', vocabularyOf(shape))
    files[`bench/gpu/shapes/${name}/config.json`] = `${JSON.stringify(config, null, 2)}\n`
    files[`bench/gpu/shapes/${name}/spec.json`] = specText(config)
  }
  return files
}

function specText (json: unknown): string {
  const config = new ConfigReader(json, 'config.json')
  const architecture = architectures.find(({ modelTypes }) => modelTypes.includes(config.text('model_type')))
  return `${JSON.stringify(architecture!.fromConfig(config))}\n`
}
