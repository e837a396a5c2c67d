import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/**
 * NVIDIA's compiler: CUDACXX, else of PATH, CUDA_HOME, or where NVIDIA's packages put it.
 *
 * @throws Error that says what to do when there is none
 */
export function findNvcc (env = process.env, exists = existsSync) {
  const { CUDACXX, CUDA_HOME, PATH = '' } = env
  if (CUDACXX !== undefined && CUDACXX !== '') {
    if (exists(CUDACXX)) return CUDACXX
    throw new Error(`CUDACXX is '${CUDACXX}', and there is no such file. Make it the path of nvcc, or leave it out.`)
  }
  const folders = [...PATH.split(delimiter).filter(folder => folder !== ''), ...CUDA_HOME ? [join(CUDA_HOME, 'bin')] : [], '/usr/local/cuda/bin']
  const found = folders.map(folder => join(folder, 'nvcc')).find(path => exists(path))
  if (found !== undefined) return found
  throw new Error('there is no nvcc. Install the CUDA toolkit (12.4 or newer), ' +
    'and put nvcc into PATH or its path into CUDACXX. The addon works without, on the CPU.')
}
