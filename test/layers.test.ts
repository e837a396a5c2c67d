import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import ts from 'typescript'

const src = fileURLToPath(new URL('../src', import.meta.url))

// From the top down: a folder may import itself and the folders below it. index.ts is above all.
const layers = ['index.ts', 'cli', 'client', 'server', 'cluster', 'engine', 'simulator', 'scheduler', 'profiler', 'network', 'placement', 'model', 'native', 'grammar', 'threads', 'core']
// Of these, no I/O, no clock, no addon: the same object runs in production, in simulation and in tests.
const pure = ['scheduler', 'simulator', 'profiler', 'placement', 'core']
// Layers that know nothing of each other, though one stands above the other in the list.
const strangers: Record<string, string[]> = {
  client: ['server', 'engine', 'scheduler', 'model', 'native'],
  scheduler: ['network', 'placement', 'model', 'native'],
  profiler: ['network', 'placement', 'model', 'native'],
  network: ['placement', 'model', 'native'],
  placement: ['model', 'native'],
  simulator: ['network', 'model', 'native']
}

const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.ts')).map(name => join(src, name))
const layerOf = (path: string) => relative(src, path).split(sep)[0]!

/** Everything that a file imports, `import type` and re-exports included. */
function importsOf (path: string): string[] {
  return ts.preProcessFile(readFileSync(path, 'utf8'), true, true).importedFiles.map(file => file.fileName)
}

t.test('every folder of src is one of the layers', async t => {
  t.same([...new Set(files.map(layerOf))].filter(layer => !layers.includes(layer)), [])
})

t.test('imports point down the layers, and no two folders import each other', async t => {
  const wrong: string[] = []
  for (const file of files) {
    const from = layerOf(file)
    for (const name of importsOf(file).filter(name => name.startsWith('.'))) {
      const to = layerOf(resolve(file, '..', name).replace(/\.js$/, '.ts'))
      const up = layers.indexOf(to) < layers.indexOf(from)
      if (to !== from && (up || strangers[from]?.includes(to) === true)) wrong.push(`${relative(src, file)} imports ${name}`)
    }
  }
  t.same(wrong, [])
})

t.test('the pure layers import nothing but each other: no Node module, no package', async t => {
  const wrong = files.filter(file => pure.includes(layerOf(file)))
    .flatMap(file => importsOf(file).filter(name => !name.startsWith('.')).map(name => `${relative(src, file)} imports ${name}`))
  t.same(wrong, [])
})

t.test('the pure layers have no clock and no randomness of their own', async t => {
  const wrong = files.filter(file => pure.includes(layerOf(file)) && layerOf(file) !== 'core')
    .filter(file => /\bDate\.now|\bnew Date\b|performance\.now|Math\.random|process\.|setTimeout|setInterval/.test(readFileSync(file, 'utf8')))
  t.same(wrong, [])
})

t.test('only src/native loads the addon', async t => {
  const wrong = files.filter(file => layerOf(file) !== 'native' && /createRequire|\.node['"]/.test(readFileSync(file, 'utf8')))
  t.same(wrong.map(file => relative(src, file)), [])
})

// What a folder of C++ may include, beside itself. Plugins see the addon's headers without its Node; the addon
// sees of a card only the table, so that it builds and loads without CUDA.
const nativeLayers: Record<string, string[]> = {
  'native/core': [],
  'native/formats': ['core'],
  'native/runtime': ['core', 'formats'],
  'native/cpu': ['core', 'formats', 'runtime'],
  'native/plugin': ['core', 'runtime'],
  'native/binding': ['core', 'formats', 'runtime', 'cpu', 'plugin'],
  'cuda/platform': ['emulation'],
  'cuda/emulation': ['platform'],
  'cuda/libraries': ['platform', 'core'],
  'cuda/kernels': ['platform', 'libraries', 'core', 'runtime', 'device'],
  'cuda/device': ['platform', 'libraries', 'kernels', 'core', 'runtime', 'cpu', 'plugin'],
  'cuda/plugin': ['libraries', 'core', 'device', 'plugin']
}

t.test('folders of C++ include only what lies below them, and nothing but cuda/platform knows CUDA', async t => {
  const root = fileURLToPath(new URL('..', import.meta.url))
  const wrong: string[] = []
  for (const [folder, below] of Object.entries(nativeLayers)) {
    for (const name of readdirSync(join(root, folder))) {
      const text = readFileSync(join(root, folder, name), 'utf8')
      for (const [, included] of text.matchAll(/^#include "([a-z_]+)\//gm)) {
        if (included !== folder.split('/')[1] && !below.includes(included!)) wrong.push(`${folder}/${name} includes ${included!}/`)
      }
      if (folder !== 'cuda/platform' && /#include <cuda/.test(text)) wrong.push(`${folder}/${name} includes CUDA's headers`)
    }
  }
  t.same(wrong, [])
})

t.test('only native/binding includes napi.h', async t => {
  const native = fileURLToPath(new URL('../native', import.meta.url))
  const wrong = readdirSync(native, { recursive: true, encoding: 'utf8' })
    .filter(name => /\.[ch]pp$/.test(name) && !name.startsWith('binding') && readFileSync(join(native, name), 'utf8').includes('napi.h'))
  t.same(wrong, [])
})
