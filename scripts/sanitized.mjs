// What a Node process needs to run on the addon of build-asan/ (npm run build:native:debug).
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
export const sanitizedFolder = 'build-asan'

/** Stops at the first fault that is seen, with its stack. */
export const sanitizerOptions = { ASAN_OPTIONS: 'detect_leaks=1', UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1' }

/** Node itself is not sanitized, so that the library has to be there before it. */
export function sanitizedEnvironment () {
  const { stdout } = spawnSync('c++', ['-print-file-name=libasan.so'], { encoding: 'utf8' })
  return {
    ...sanitizerOptions,
    // V8 keeps what it likes until the process ends: leaks are looked for in the C++ tests.
    ASAN_OPTIONS: 'detect_leaks=0',
    LD_PRELOAD: stdout.trim(),
    MILLRACE_ADDON: join(root, sanitizedFolder, 'RelWithDebInfo', 'millrace.node'),
    MILLRACE_SANITIZED: '1'
  }
}
