import { readFile } from 'node:fs/promises'
import { InvalidOptionError } from '../core/errors.js'
import type { TraceRequest } from '../simulator/trace-request.js'
import { readTrace } from '../simulator/traces/read-trace.js'

/** @throws InvalidOptionError without a file that can be read; TraceError */
export async function readTraceFile (path: unknown): Promise<TraceRequest[]> {
  if (typeof path !== 'string') throw new InvalidOptionError('trace', 'There is no trace: give --trace a file, or --generate a workload (simulate only).')
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    throw new InvalidOptionError('trace', `The trace ${path} cannot be read (${(error as Error).message}).`)
  }
  return readTrace(text)
}

/** The same requests in less time. */
export function spedUp (trace: readonly TraceRequest[], speed: number): TraceRequest[] {
  return trace.map(request => ({ ...request, arrivalMs: request.arrivalMs / speed }))
}
