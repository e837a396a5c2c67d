import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { findNvcc } from '../../scripts/find-nvcc.mjs'

const script = fileURLToPath(new URL('../../scripts/build-cuda.mjs', import.meta.url))
const build = (args: string[], env: Record<string, string>) =>
  spawnSync(process.execPath, [script, ...args], { env: { ...process.env, ...env }, encoding: 'utf8' })

t.test('nvcc is that of CUDACXX, else of PATH, CUDA_HOME, and where packages put it', async t => {
  const having = (...paths: string[]) => (path: string) => paths.includes(path)
  const env = { CUDACXX: '/own/nvcc', PATH: '/a:/b', CUDA_HOME: '/home' }
  t.equal(findNvcc(env, () => true), '/own/nvcc')
  t.equal(findNvcc({ ...env, CUDACXX: '' }, having('/b/nvcc', '/home/bin/nvcc')), '/b/nvcc')
  t.equal(findNvcc({ PATH: '/a', CUDA_HOME: '/home' }, having('/home/bin/nvcc', '/usr/local/cuda/bin/nvcc')), '/home/bin/nvcc')
  t.equal(findNvcc({}, having('/usr/local/cuda/bin/nvcc')), '/usr/local/cuda/bin/nvcc')
})

t.test('without nvcc the error says what to install and where to put its path', async t => {
  t.throws(() => findNvcc({ PATH: '/a' }, () => false), { message: /no nvcc. Install the CUDA toolkit .*PATH .*CUDACXX.*works without/ })
  t.throws(() => findNvcc({ CUDACXX: '/own/nvcc' }, path => path !== '/own/nvcc'), { message: /CUDACXX is '\/own\/nvcc', and there is no such file/ })
})

t.test('build:cuda ends with 1 and one line when it cannot begin', async t => {
  const missing = build([], { CUDACXX: '/no/such/nvcc' })
  t.equal(missing.status, 1)
  t.match(missing.stderr, /^millrace: the CUDA plugin was not built: CUDACXX is '\/no\/such\/nvcc'.*\n$/)
  const arch = build(['--arch=ninety'], { CUDACXX: process.execPath })
  t.equal(arch.status, 1)
  t.match(arch.stderr, /^millrace: --arch is 'ninety'; it must be a list such as 80;86;90\.\n$/)
})
