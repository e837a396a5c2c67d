// Builds the plugin for NVIDIA GPUs and puts it beside the addon: build/Release/millrace_cuda.so.
//   --arch=80;86;90  compute capabilities without the point; default: those three
//   --no-install     only compile, in build-cuda/
// Node built-ins only.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, renameSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { findNvcc } from './find-nvcc.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const { values: flags } = parseArgs({ options: { arch: { type: 'string', default: '80;86;90' }, 'no-install': { type: 'boolean', default: false } } })

function giveUp (message) {
  console.error(`millrace: ${message}`)
  process.exit(1)
}

const architectures = flags.arch.split(/[;,]/).sort((a, b) => parseInt(a) - parseInt(b))
if (!architectures.every(arch => /^\d{2,3}a?$/.test(arch))) giveUp(`--arch is '${flags.arch}'; it must be a list such as 80;86;90.`)
const nvcc = (() => {
  try {
    return findNvcc()
  } catch (error) {
    giveUp(`the CUDA plugin was not built: ${error.message}`)
  }
})()

function run (command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, CUDACXX: nvcc } })
  if (error !== undefined) giveUp(`${command} does not start: ${error.message}. CMake 3.22 or newer is needed.`)
  if (status !== 0) giveUp('the CUDA plugin was not built (above). See docs/cuda.md.')
}

// Machine code for each, and for the newest one what newer cards can compile for themselves.
const targets = architectures.map((arch, i) => i === architectures.length - 1 ? arch : `${arch}-real`).join(';')
// A compile job of nvcc takes up to 1.5 GB.
const jobs = Math.max(1, Math.min(availableParallelism(), Math.floor(process.availableMemory() / 1.5e9)))
const out = join(root, 'build-cuda')
console.error(`millrace: compiling the CUDA plugin for ${architectures.join(', ')} with ${nvcc} (some minutes the first time)`)
run('cmake', ['-S', root, '-B', out, '-DCMAKE_BUILD_TYPE=Release', '-DMILLRACE_CUDA=ON', '-DMILLRACE_BUILD_TESTS=OFF', `-DCMAKE_CUDA_ARCHITECTURES=${targets}`])
run('cmake', ['--build', out, '--target', 'millrace_cuda', '--parallel', String(jobs)])
if (!flags['no-install']) {
  const folder = join(root, 'build', 'Release')
  mkdirSync(folder, { recursive: true })
  // In one go: a process may have the old one mapped.
  copyFileSync(join(out, 'millrace_cuda.so'), join(folder, '.millrace_cuda.so'))
  renameSync(join(folder, '.millrace_cuda.so'), join(folder, 'millrace_cuda.so'))
  console.error('millrace: built build/Release/millrace_cuda.so; millrace devices lists what it finds.')
}
