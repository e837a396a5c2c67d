import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const plugins = [
  ['build/millrace_cuda_emulated.so', 'needs the C++ tests, which build the emulated plugin'],
  ['build-cuda/millrace_cuda.so', 'needs nvcc, and npm run build:cuda before']
] as const

for (const [path, reason] of plugins) {
  const file = fileURLToPath(new URL(`../../${path}`, import.meta.url))
  const skip = process.platform !== 'linux' ? 'reads ELF files' : existsSync(file) ? false : reason
  t.test(`${path} shows one symbol: the function that gives its table`, { skip }, t => {
    const { stdout, stderr } = spawnSync('nm', ['--dynamic', '--defined-only', '--format=posix', file], { encoding: 'utf8' })
    t.same(stdout.split('\n').filter(line => line !== '').map(line => line.split(' ')[0]), ['millrace_device_plugin'], stderr)
    t.end()
  })
}
