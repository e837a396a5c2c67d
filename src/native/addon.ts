import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { AddonError } from '../core/errors.js'
import type { Addon } from './binding.js'

/** The version of binding.ts that this code is written for. */
const expectedAbi = 3

let loaded: Addon | undefined

/**
 * Loads the native addon, once for each thread: from `MILLRACE_ADDON`, or from the package's build.
 *
 * @throws AddonError when it was not built, or for another version
 */
export function loadAddon (): Addon {
  loaded ??= openAddon(process.env['MILLRACE_ADDON'] ?? fileURLToPath(new URL('../../build/Release/millrace.node', import.meta.url)))
  return loaded
}

function openAddon (path: string): Addon {
  const require = createRequire(import.meta.url)
  let addon: Addon
  try {
    addon = require(path) as Addon
  } catch (error) {
    throw new AddonError(`The native part could not be loaded from ${path} (${firstLine(error)}). ` +
      'Build it: npm run build:native', error)
  }
  if (addon.abi !== expectedAbi) {
    throw new AddonError(`${path} has interface version ${String(addon.abi)}; this version of millrace needs ${expectedAbi}. ` +
      'Build it again: npm run build:native')
  }
  return addon
}

function firstLine (error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0]!
}
